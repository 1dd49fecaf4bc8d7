"""Any bytes, as what the clients of our server do; for longer runs by hand.

    pip install atheris
    python tests/peers/fuzz.py [-max_total_time=600] [corpus folder]

atheris changes the bytes so that ever more of the server's code is reached.
Without it they are random: `python tests/peers/fuzz.py --blind 10000` plays
so many. What must hold is what `tests/capture/server/fuzzing.py` asserts; the
input that breaks it is written to a file, which is played by giving its name.
"""

import contextlib
import importlib
import logging
import random
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "capture" / "server"))

atheris: Any = None
reached: Any = contextlib.nullcontext()
with contextlib.suppress(ImportError):
    atheris = importlib.import_module("atheris")
    # h11 and wsproto are what the bytes go through first.
    reached = atheris.instrument_imports(include=["tracer", "h11", "wsproto"])

with reached:
    from fuzzing import Crowd
    from smuggling import SHAPES
    from test_fuzz import BODIES, HEADERS, PATHS, request

SECONDS = (0.1, 4.9, 5.1, 20.5, 61.0)
METHODS = ("GET", "POST", "HEAD")


class Said:
    """Bytes that are asked for choices, until none are left."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def bytes(self, n: int) -> bytes:
        """The next bytes, or as many as are left."""
        self._at += n
        return self._data[self._at - n : self._at]

    def below(self, n: int) -> int:
        """A number from 0, up to and without `n`."""
        return int.from_bytes(self.bytes(2 if n > 256 else 1)) % n


def piece(said: Said) -> bytes:
    """What a client sends in one go."""
    match said.below(4):
        case 0:
            return request(
                METHODS[said.below(3)],
                PATHS[said.below(len(PATHS))],
                HEADERS[said.below(len(HEADERS))],
                sorted(BODIES)[said.below(len(BODIES))],
            )
        case 1:
            return SHAPES[said.below(len(SHAPES))].data
        case _:
            return said.bytes(1 + said.below(64))


def act(crowd: Crowd, said: Said) -> None:
    """One thing that a client does, or that time does."""
    what = said.below(10)
    if what == 0 or not crowd.clients:
        crowd.open()
        return
    client = crowd.clients[said.below(len(crowd.clients))]
    match what:
        case 1:
            crowd.wait(SECONDS[said.below(5)])
        case 2:
            crowd.loop.call_soon(client.ends)
        case 3:
            client.loses(None if said.below(2) else ConnectionResetError())
        case 4:
            client.client_reads = False
        case 5:
            crowd.loop.call_soon(client.reads)
        case 6:
            if sent := piece(said)[: said.below(200)]:
                client.comes(sent)
        case _:
            if sent := piece(said):
                client.comes(sent)
    crowd.settle()


def play(data: bytes) -> None:
    """Play one input.

    Raises:
        AssertionError: Something broke.
    """
    said = Said(data)
    with contextlib.closing(Crowd()) as crowd:
        while said:
            act(crowd, said)
        crowd.nobody_is_waited_for()
        crowd.end()


def blind(times: int) -> None:
    """Play random inputs; without atheris nothing says what they reach."""
    dice = random.Random()  # noqa: S311  # nothing to guess here
    for n in range(times):
        data = dice.randbytes(dice.randrange(1, 300))
        try:
            play(data)
        except BaseException:
            Path("crash-blind").write_bytes(data)
            print(f"input {n} is in crash-blind")
            raise
    print(f"{times} inputs played, nothing broke")


def main() -> None:
    logging.disable(logging.NOTSET)
    logging.lastResort = None  # what the app raises is meant
    if sys.argv[1:2] == ["--blind"]:
        blind(int(sys.argv[2]))
    elif atheris is not None:
        atheris.Setup(sys.argv, play)
        atheris.Fuzz()
    elif len(sys.argv) == 2:
        play(Path(sys.argv[1]).read_bytes())
    else:
        sys.exit("atheris is not installed; --blind N plays random inputs")


if __name__ == "__main__":
    main()
