"""The live picture, on Textual. Nothing outside this folder imports it."""
