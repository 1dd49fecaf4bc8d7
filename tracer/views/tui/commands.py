"""The palette's commands: whatever a key does can be found by its name."""

from collections.abc import Iterator
from typing import NamedTuple

from tracer.views.tui.tabs import key_of


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
    Command("Hold", "Hold this request, or the next new one (h)", "hold"),
    Command("Hold bytes", "Keep a connection's next bytes", "hold_bytes"),
    Command("Step", "Let the held one go on by one stage (s)", "step_held"),
    Command("Go on", "Let the held one go on (c)", "let_go"),
    Command("Let all go", "Let everybody who is held go on (C)", "let_all_go"),
    Command("Hold the loop", "Hold everybody, for 5 s (H twice)", "hold_loop"),
    Command("Break here", "Hold all who come to this stage", "break_here"),
    Command("Send", "Send a client that may make trouble (t)", "send"),
    Command("Send again", "Send the last client once more (r)", "again"),
    Command("Reduced motion", "Let the token jump or glide", "motion"),
)


def of_panes(names: dict[int, str]) -> Iterator[Command]:
    """A command for each pane."""
    for number, name in names.items():
        help_ = f"Give the pane {name} the keys ({key_of(number)})"
        yield Command(f"Pane {name}", help_, f"pane({number})")
