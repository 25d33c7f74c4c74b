"""Every page with ten thousand goals in the stores: what the server takes for it, and sends.

They are requested as a browser does in which a person is signed in. A page's weight is that of its
HTML and of all the styles, scripts and pictures of the server's own that it names, which browsers
keep, as they are sent, that is compressed. Artifacts, which are as large as agents make them, are
requested by themselves.
"""

import re
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from benchmarks.api.connection import Answer, Connection
from benchmarks.api.served import ServedApi
from benchmarks.verdict import report
from perdure.api.access.authentication import SESSION_COOKIE
from perdure.schemas.access import Scope
from perdure.stores import Stores

ROUNDS: Final = 30
_PAGES: Final[Mapping[str, str]] = {
    "home": "/",
    "start: choose an agent": "/start",
    "start: form of analysis": "/agents/analysis",
    "goals": "/goals",
    "goals, searched": "/goals?search=w1+w2&since=30d",
    "goals, filtered": "/goals?status=failed&agent=code&delegates=1",
    "approvals": "/approvals",
    "agents": "/agents",
    "workers": "/workers",
    "usage by agent": "/usage?days=30",
    "usage by key": "/usage?days=30&by=key",
    "keys": "/keys",
    "sign-in": "/sign-in",
}
_STATIC: Final = re.compile(r"/static/[0-9a-f]+/[\w./-]+")


@dataclass(frozen=True)
class Page:
    """What one page takes.

    Attributes:
        p50_ms: The median milliseconds until all of its HTML was there.
        html_bytes: The size of its HTML.
        sent_bytes: The size in which it was sent, with the static files that it names.
    """

    p50_ms: float
    html_bytes: int
    sent_bytes: int


async def pages(api: ServedApi, stores: Stores, run: str) -> dict[str, Page]:
    """Measure every page, in turns, by one person who is signed in.

    Args:
        api: The API.
        stores: Its stores.
        run: A goal that has many steps, files and events.
    """
    cookie, _ = await stores.access.sessions.start("A Person", [*Scope], tenant="default")
    paths = {**_PAGES, "goal": f"/goals/{quote(run)}"}
    taken: dict[str, list[float]] = {name: [] for name in paths}
    answers: dict[str, Answer] = {}
    signed_in = {
        "Cookie": f"{SESSION_COOKIE}={cookie}",
        "Accept": "text/html",
        "Accept-Encoding": "gzip",
    }
    async with api.connected(signed_in) as connection:
        for _ in range(ROUNDS):
            for name, path in paths.items():
                began = time.perf_counter()
                answer = await connection.get(path)
                taken[name].append((time.perf_counter() - began) * 1_000)
                assert answer.status == 200, f"{path}: {answer.status}"
                answers[name] = answer
        found = {
            name: Page(
                p50_ms=statistics.median(taken[name]),
                html_bytes=len(answer.content),
                sent_bytes=len(answer.body) + await _static_bytes(connection, answer.content),
            )
            for name, answer in answers.items()
        }
    for name, page in sorted(found.items(), key=lambda item: -item[1].p50_ms):
        report(
            f"{page.p50_ms:7.1f} ms {page.html_bytes / 1_000:6.1f} kB,"
            f" {page.sent_bytes / 1_000:5.1f} kB sent with its files  {name}"
        )
    return found


async def _static_bytes(connection: Connection, content: bytes) -> int:
    """Return the size, as sent, of the static files that a page names, and that these name."""
    texts, found = [content.decode()], dict[str, int]()
    while texts:
        for path in set(_STATIC.findall(texts.pop())) - found.keys():
            answer = await connection.get(path)
            found[path] = len(answer.body)
            texts.append(answer.content.decode())
    return sum(found.values())
