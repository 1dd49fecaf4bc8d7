"""A step becomes the bytes of each write, and a few words for them."""

from dataclasses import dataclass

import h11

from tracer.client.script import Send

AGENT = "asgi-trace-client"


@dataclass(frozen=True, slots=True)
class Write:
    """What is given to the kernel at once."""

    data: bytes
    what: str


def split(data: bytes, pieces: int, what: str) -> list[Write]:
    """Cut bytes into so many parts, as equal as can be, none of them empty."""
    pieces = min(pieces, max(1, len(data)))
    ends = [len(data) * each // pieces for each in range(pieces + 1)]
    return [
        Write(data[ends[each] : ends[each + 1]], _part(what, each + 1, pieces))
        for each in range(pieces)
    ]


def _part(what: str, number: int, of: int) -> str:
    return what if of == 1 else f"{what} {number} of {of}"


def frame(step: Send, host: str) -> list[Write]:
    """Write a request: its head, with it the first part of the body.

    Args:
        step: What is sent.
        host: What the Host header says, if the step doesn't.

    Raises:
        h11.LocalProtocolError: It is no request that may be sent.

    Source: RFC 9112, sections 3 and 6.
    """
    http = h11.Connection(h11.CLIENT)
    parts = [part.encode() for part in step.body]
    parts = parts or [each.data for each in _filler(step)]
    head = _write(http, _request(step, host, sum(map(len, parts))))
    bodies = [_write(http, h11.Data(part)) for part in parts]
    end = _write(http, h11.EndOfMessage())
    if bodies:
        bodies[-1] += end
    else:
        head += end
    wanted = bodies[: step.stop_after]
    names = [
        _part("body", each + 1, len(bodies)) for each in range(len(bodies))
    ]
    writes = [Write(*each) for each in zip(wanted, names, strict=False)]
    if not writes or step.awaits_continue:
        return [Write(head, "head"), *writes]
    first = Write(head + writes[0].data, f"head and {writes[0].what}")
    return [first, *writes[1:]]


def _filler(step: Send) -> list[Write]:
    return split(b"x" * step.size, step.pieces, "") if step.size else []


def _request(step: Send, host: str, size: int) -> h11.Request:
    given = {name.lower() for name in step.headers}
    headers = list(step.headers.items())
    if "user-agent" not in given:
        headers.insert(0, ("User-Agent", AGENT))
    if "host" not in given:
        headers.insert(0, ("Host", host))
    if size and not given & {"content-length", "transfer-encoding"}:
        headers.append(("Content-Length", str(size)))
    return h11.Request(method=step.method, target=step.target, headers=headers)


def _write(http: h11.Connection, event: h11.Event) -> bytes:
    # h11 says None only for ConnectionClosed, which we never send.
    return http.send(event) or b""
