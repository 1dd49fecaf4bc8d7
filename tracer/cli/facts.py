"""`asgi-trace facts`: what a trace can show, and in which events."""

import os
import sys
from argparse import Namespace

from tracer.cli.say import DONE, USAGE, fail
from tracer.views.explain import pick_language
from tracer.views.facts import as_json, choose, lines
from tracer.views.text.page import Page


def facts(options: Namespace) -> int:
    """Print the facts that were asked for, or all of them."""
    lang = pick_language(options.lang, os.environ)
    try:
        found = choose(options.numbers, lang)
    except KeyError as error:
        return fail(
            f"there is no fact {error.args[0]}: they are F1 to F100 and N1 to"
            " N12",
            USAGE,
        )
    if options.json:
        sys.stdout.write(as_json(found, lang) + "\n")
        sys.stdout.flush()
    else:
        page = Page(sys.stdout, color=options.use_colors, width=None)
        page.write(lines(found, page, lang))
    return DONE
