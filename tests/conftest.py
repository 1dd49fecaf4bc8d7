"""What holds for every test: hypothesis may take the time that it needs.

Its own limit of 200 ms an example would fail a test for a machine's other
work; pytest-timeout ends what really hangs.
"""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
