"""The keys that work everywhere, each with the app's action that it runs.

What a key means in one pane only stands in that pane.
"""

from textual.binding import Binding, BindingType

from tracer.views.tui.tabs import NAMES, key_of

BINDINGS: list[BindingType] = [
    Binding("space", "freeze", "Freeze"),
    Binding("full_stop", "step(1)", "Next", key_display="."),
    Binding("comma", "step(-1)", "Previous", show=False),
    Binding("left", "scrub(-1)", "Scrub", show=False),
    Binding("right", "scrub(1)", "Scrub", show=False),
    Binding("home", "edge(0)", "Begin", show=False),
    Binding("end", "edge(1)", "End", show=False),
    Binding("less_than_sign", "speed(-1)", "Slower", show=False),
    Binding("greater_than_sign", "speed(1)", "Faster", show=False),
    Binding("f", "follow", "Follow"),
    Binding("d", "depth", "Depth"),
    Binding("p", "picture", "Picture", show=False),
    Binding("slash", "filter", "Filter", key_display="/"),
    Binding("z", "zoom", "Zoom", show=False),
    Binding("h", "hold", "Hold"),
    Binding("s", "step_held", "Step the held one", show=False),
    Binding("c", "let_go", "Let it go on", show=False),
    Binding("C", "let_all_go", "Let all go on", show=False),
    Binding("H", "hold_loop", "Hold the whole loop", show=False),
    Binding("t", "send", "Send"),
    Binding("r", "again", "Send again", show=False),
    *(
        Binding(key_of(number), f"pane({number})", name, show=False)
        for number, name in NAMES.items()
    ),
    Binding("escape", "leave", "Back", show=False),
    Binding("question_mark,f1", "help", "Help", key_display="?"),
    Binding("ctrl+q", "quit", "Quit", priority=True),
    Binding("ctrl+z", "suspend_process", "Suspend", show=False),
]
