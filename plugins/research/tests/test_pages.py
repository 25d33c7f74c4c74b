"""Sources on the web, served for real on loopback, and files that cannot be read."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from holdfast.agents import InputError
from holdfast.testing import Rehearsal, rehearse

PAGE = b"""<!doctype html><html><head><title>Bridges</title></head><body><article>
<h1>Why bridges fail</h1><p>Bridges fail because rust eats the bolts over many winters.</p>
<p>Painters who come every third year keep a bridge standing for a century.</p>
</article></body></html>
"""


# The least that PDFium takes for a PDF with a password.
LOCKED = (
    b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\n"
    b"4 0 obj<</Filter/Standard/V 1/R 2/P -4/O<"
    + b"00" * 32
    + b">/U<"
    + b"00" * 32
    + b">>>endobj\n"
    b"trailer<</Root 1 0 R/Size 5/Encrypt 4 0 R/ID[<00><00>]>>\n%%EOF\n"
)


class Site(BaseHTTPRequestHandler):
    """A small site: a page, a way to it, a missing page, one that is away, a picture."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/moved":
            self.answer(302, b"", Location="/page")
        elif self.path == "/page":
            self.answer(200, PAGE, **{"Content-Type": "text/html; charset=utf-8"})
        elif self.path == "/away":
            self.answer(503, b"")
        elif self.path == "/picture":
            self.answer(200, b"\x89PNG\r\n\x1a\n" + bytes(50), **{"Content-Type": "image/png"})
        else:
            self.answer(404, b"")

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base's word
        pass


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the site and return its address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(Site, "asked", [], raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def research(*sources: str) -> Rehearsal:
    return await rehearse("research", "Why do bridges fail?", {"sources": list(sources)})


@pytest.mark.parametrize("path", ["/page", "/moved"])
async def test_a_page_is_read_and_quoted(site: str, path: str) -> None:
    data = (await research(site + path)).result.data
    citations: Any = data["citations"]
    assert citations[0]["quote"] == "Bridges fail because rust eats the bolts over many winters."
    assert citations[0]["address"].startswith(site)


async def test_one_source_that_fails_is_reported_and_hurts_nothing_else(site: str) -> None:
    data = (await research(f"{site}/page", f"{site}/gone", f"{site}/picture")).result.data
    failed: Any = data["failed"]
    assert len(failed) == 2
    assert "404" in str(failed)
    assert "rust" in str(data["answer"])


async def test_a_site_that_is_away_may_be_tried_again(site: str) -> None:
    with pytest.raises(Exception, match="503") as refused:
        await research(f"{site}/away")
    assert not isinstance(refused.value, InputError)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.txt", b"", "empty"),
        ("picture.pdf", b"\x89PNG\r\n\x1a\n" + bytes(50), "PDF"),
        ("torn.pdf", b"%PDF-1.7\nnothing more", "PDF"),
        ("locked.pdf", LOCKED, "password"),
        ("binary.txt", bytes(range(256)), "text"),
    ],
)
async def test_files_that_are_not_what_they_say(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words) as refused:
        await research(str(tmp_path / name))
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.txt"):
        await research(str(tmp_path / "gone.txt"))
