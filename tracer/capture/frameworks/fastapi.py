"""FastAPI."""


def install() -> None:
    return
