"""What is asked of the servers: each scenario is one request, over and over."""

from dataclasses import dataclass

BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101"
    " Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-GB,en;q=0.7,zh;q=0.3",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Referer": "http://127.0.0.1/index.html",
    "Cookie": "theme=dark; lang=en; seen=7",
    "Upgrade-Insecure-Requests": "1",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "same-origin",
    "Priority": "u=0, i",
}
"""Eleven, and Host makes twelve."""


@dataclass(frozen=True)
class Scenario:
    """One request, sent again as soon as its answer is there.

    Attributes:
        name: What stands in the table, and what `--scenario` takes.
        app: Which app of `twenty_routes` serves it.
        target: What is asked for.
        headers: Sent beside Host.
        body: Bytes that are posted; 0: it is a GET.
        connections: How many ask at once, each on a kept connection.
    """

    name: str
    app: str = "app"
    target: str = "/route9"
    headers: tuple[tuple[str, str], ...] = ()
    body: int = 0
    connections: int = 32

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"


SCENARIOS = (
    Scenario("get"),
    Scenario("browser", headers=tuple(BROWSER.items())),
    Scenario("post", target="/echo", body=1024),
    Scenario("def", target="/plain"),
    Scenario("base", app="based"),
    Scenario("stream", target="/stream"),
    Scenario("one", connections=1),
)
APPS = tuple(dict.fromkeys(each.app for each in SCENARIOS))
