"""What holds for every test, wherever it stands.

Textual reads its settings when it is first imported. Hypothesis may take the
time that it needs: its own limit of 200 ms an example would fail a test for
a machine's other work, and pytest-timeout ends what really hangs.
"""

import os

from hypothesis import settings

os.environ["TEXTUAL_ANIMATIONS"] = "none"
os.environ.pop("NO_COLOR", None)
os.environ.pop("TEXTUAL_THEME", None)

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
