"""What the panes tell the app: what the user picked."""

from textual.message import Message

from tracer.model.findings import Finding


class Picked(Message):
    """A request was chosen; `number` is its number."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Sought(Message):
    """The playhead shall go to the event number `index` of the request."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index


class PaneChosen(Message):
    """A tab was clicked; `number` is that of its pane."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class BreakCleared(Message):
    """The breakpoint number `id` shall be forgotten."""

    def __init__(self, id: int) -> None:  # noqa: A002
        super().__init__()
        self.id = id


class Proved(Message):
    """The playhead shall go to the event that proves a finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self.finding = finding
