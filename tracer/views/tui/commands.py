"""The palette's commands: whatever a key does can be found by its name."""

from collections.abc import Iterator
from typing import NamedTuple


class Command(NamedTuple):
    """One line of the palette.

    Attributes:
        title: What is searched.
        help: What it does, and by which key.
        action: The app's action.
    """

    title: str
    help: str
    action: str


COMMANDS = (
    Command("Freeze or go on", "Stop the playhead (space)", "freeze"),
    Command("Next event", "Freeze at the next listed event (.)", "step(1)"),
    Command("Previous event", "Freeze at the one before (,)", "step(-1)"),
    Command("To the beginning", "Freeze at the first event (home)", "edge(0)"),
    Command("To the end", "Freeze at the last event (end)", "edge(1)"),
    Command("Slower", "Play at a lower speed (<)", "speed(-1)"),
    Command("Faster", "Play at a higher speed (>)", "speed(1)"),
    Command("Follow", "Play the newest request, or stay (f)", "follow"),
    Command("Depth", "List the story, the stages or all events (d)", "depth"),
    Command("Picture", "Show the rail or the ladder (p)", "picture"),
    Command("Filter", "List only some requests and events (/)", "filter"),
    Command("Zoom", "Give one pane the whole screen (z)", "zoom"),
    Command("Send again", "Run the scripted client once more (r)", "again"),
    Command("Reduced motion", "Let the token jump or glide", "motion"),
)


def of_panes(names: dict[int, str]) -> Iterator[Command]:
    """A command for each pane."""
    for number, name in names.items():
        help_ = f"Give the pane {name} the keys ({number})"
        yield Command(f"Pane {name}", help_, f"pane({number})")
