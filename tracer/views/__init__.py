"""State becomes text and pictures. A view reads a `feed` and shows it."""
