"""`asgi-trace findings FILE`: what a recording shows that is worth a look."""

import os
import sys
from argparse import Namespace
from pathlib import Path

from tracer.cli import checks
from tracer.cli.say import DONE, FOUND, USAGE, fail, say
from tracer.events.log import Decoder, TraceError, open_trace, read_chunks
from tracer.host.replay import CUT_OFF
from tracer.model.findings import Finding, Severity
from tracer.model.trace import Trace
from tracer.views.explain import pick_language
from tracer.views.findings import Report, as_json, lines
from tracer.views.text.page import Page


def findings(options: Namespace) -> int:
    """Judge a recording, and tell.

    Returns:
        0 if there is nothing of the wanted severity, 1 if there is, 2 if the
        recording can't be read.
    """
    path = Path(options.file)
    try:
        report = _judge(path, Severity(options.severity), options.rules)
    except OSError as error:
        return fail(checks.wrong_file(error, path), USAGE)
    except TraceError as error:
        return fail(f"{path.name}: {error}", USAGE)
    if report.cut_off:
        say(CUT_OFF)
    lang = pick_language(options.lang, os.environ)
    if options.json:
        sys.stdout.write(as_json(report, path.name, lang) + "\n")
        sys.stdout.flush()
    else:
        page = Page(sys.stdout, color=options.use_colors, width=None)
        page.write(lines(report, page, lang, everything=options.all))
    return FOUND if report.found else DONE


def _judge(path: Path, least: Severity, rules: list[str]) -> Report:
    decoder = Decoder()
    trace = Trace(keep=0)
    found: list[Finding] = []

    def take() -> None:
        # Out of the trace's own list, which keeps the newest only.
        found.extend(trace.findings)
        trace.findings.clear()

    with open_trace(path) as file:
        for records in read_chunks(file, decoder):
            trace.header = decoder.header
            trace.feed(records)
            take()
    rest, cut_off = decoder.finish()
    trace.feed(rest)
    trace.end()
    take()
    trace.header = decoder.header  # if there was nothing else
    asked = [each for each in found if not rules or each.rule in rules]
    wanted = [each for each in asked if each.severity.rank >= least.rank]
    return Report(trace, wanted, len(asked) - len(wanted), least, cut_off)
