"""The scripted client of the demo, a process of its own."""
