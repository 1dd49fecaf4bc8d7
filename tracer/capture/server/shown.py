"""Redacted text of what comes again and again: made once, then kept.

A client sends the same head with each request, and an app answers with the
same few. Only what hides nothing is kept: `redact` must meet each secret that
comes, to know it again elsewhere.
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from tracer.capture import redact

Raw = TypeVar("Raw", bound=Hashable)
Text = TypeVar("Text")

MANY = 256
"""So many are kept of each sort; what comes from outside must not pile up."""


class Kept(Generic[Raw, Text]):
    """A function whose harmless results are remembered.

    Args:
        make: Makes the text. It must depend on its argument alone.
        texts: Gives the texts within a result, to be searched for secrets.
    """

    def __init__(
        self,
        make: Callable[[Raw], Text],
        texts: Callable[[Text], str],
    ) -> None:
        self._make = make
        self._texts = texts
        self._known: dict[Raw, Text] = {}

    def __call__(self, raw: Raw) -> Text:
        known = self._known.get(raw)
        if known is not None:
            return known
        made = self._make(raw)
        # After `redact.reveal` nothing is kept: it could be shown in another
        # run, within the same process, where it should be hidden.
        if redact.hidden() and redact.HIDDEN not in self._texts(made):
            if len(self._known) >= MANY:
                self._known.clear()
            self._known[raw] = made
        return made


Pairs = tuple[tuple[bytes, bytes], ...]

shown_headers: Kept[Pairs, tuple[tuple[str, str], ...]] = Kept(
    redact.headers, str
)
"""A tuple of headers as text."""


def _scope(
    raw: tuple[str, bytes, bytes, Pairs],
) -> tuple[str, str, str, tuple[tuple[str, str], ...]]:
    path, target, query, headers = raw
    return (
        redact.text(path),
        redact.target(target),
        redact.query(query),
        redact.headers(headers),
    )


shown_scope = Kept(_scope, str)
"""A scope's path, raw path, query and headers as text."""
