"""The first line of a trace: what was traced, when, and with what."""

import msgspec

FORMAT = "asgi-trace/1"


class Header(
    msgspec.Struct, frozen=True, tag_field="kind", tag="trace", kw_only=True
):
    """Line 1 of every trace.

    Source: ours.
    """

    format: str = FORMAT
    started: str
    """RFC 3339, with zone; the wall clock at `t` = 0."""
    clock: str
    """Name of the monotonic clock that `t` counts on."""
    clock0: int
    """What that clock said at `t` = 0, in nanoseconds."""
    pid: int
    app: str
    versions: dict[str, str]
    redacted: tuple[str, ...]
    """What was hidden before it was stored; empty after `--reveal`."""
    kept_from: int = 1
    """`seq` of the first event that was kept; of those before it, `--keep` has
    let go, and only their `source` records are here."""
