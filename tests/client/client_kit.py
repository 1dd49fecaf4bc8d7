"""Who listens to a client under test, and where its server is."""

import socket
from itertools import pairwise

from tracer.client.address import Place, write
from tracer.client.answers import Answer
from tracer.events.client import ClientEvent


class Notebook:
    """Keeps all that a client tells.

    Attributes:
        events: In order.
        got: Its answers: method, target, status and bytes of body.
        answers: The same, whole.
        strange: What came instead of an answer.
        settled: How often it had time.
    """

    def __init__(self) -> None:
        self.events: list[ClientEvent] = []
        self.got: list[tuple[str, str, int, int]] = []
        self.answers: list[Answer] = []
        self.strange: list[bytes] = []
        self.settled = 0

    def event(self, event: ClientEvent) -> None:
        self.events.append(event)

    def answer(self, answer: Answer) -> None:
        self.answers.append(answer)
        if answer.final:
            said = (answer.method, answer.target, answer.status, answer.n)
            self.got.append(said)

    def nonsense(self, data: bytes) -> None:
        self.strange.append(data)

    def settle(self) -> None:
        self.settled += 1

    @property
    def told(self) -> list[str]:
        """What happened, without times and numbers: `sent head`.

        Reads in a row are told once, and so are writes of the same part:
        where one ends is up to the kernels.
        """
        told = [_told(each) for each in self.events]
        return [
            each
            for before, each in pairwise(["", *told])
            if each != before or not each.startswith(("chunk", "sent"))
        ]


def _told(event: ClientEvent) -> str:
    names = ("error", "what", "status", "by", "why")
    said = [str(getattr(event, each, "")) for each in names]
    kind = event.kind.removeprefix("client.")
    return " ".join([kind, *filter(None, said)])


def place(address: tuple[str, int]) -> Place:
    """A server on this machine, by its address."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    return Place(write(*address), ((family, address),))
