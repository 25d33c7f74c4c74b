"""What can be read and what cannot: files of every kind, and pages of a real server."""

import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import JsonValue

from perdure.agents import InputError
from perdure.testing import MemoryJournal, Rehearsal, rehearse
from perdure_research.reading.reading import Reading
from perdure_research.reading.readings import read_own
from perdure_research.search.given_sources import find_sources
from perdure_research.sources import fetch, files
from perdure_research.sources.fetch import SourceUnreachable
from perdure_research.sources.files import look_at_files
from perdure_research.sources.source import Location

QUESTION = "Why do lighthouses need foghorns?"
SAID = "Lighthouses need foghorns because their light does not pass through fog."
PAGE = f"<!DOCTYPE html><html><head><title>Fog</title></head><body><nav>Menu</nav><p>{SAID}</p>"
PDF_WITHOUT_TEXT = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj
trailer<</Root 1 0 R>>
%%EOF
"""
# Names the standard security handler, with keys that no empty password opens.
PDF_WITH_PASSWORD = b"""%%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj
4 0 obj<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>endobj
trailer<</Root 1 0 R/Encrypt 4 0 R/ID[<%s><%s>]>>
%%%%EOF
""" % (b"11" * 32, b"22" * 32, b"33" * 16, b"33" * 16)


class Pages(BaseHTTPRequestHandler):
    """A small site: pages, redirects, errors, and a counter of what was asked for."""

    asked: list[str]

    def do_GET(self) -> None:
        if self.path != "/robots.txt":
            self.asked.append(self.path)
        pages: dict[str, tuple[int, str, bytes]] = {
            "/page": (200, "text/html; charset=utf-8", PAGE.encode()),
            "/plain": (200, "text/plain; charset=iso-8859-1", f"Café. {SAID}".encode("latin-1")),
            "/picture": (200, "image/png", b"\x89PNG\r\n\x1a\n"),
            "/large": (200, "text/plain", b"fog " * 1000),
            "/busy": (503, "text/plain", b"later"),
        }
        if self.path in {"/moved", "/round"}:
            self.send_response(302)
            self.send_header("Location", {"/moved": "/page", "/round": "/round"}[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        status, media_type, body = pages.get(self.path, (404, "text/plain", b"no such page"))
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay silent."""


@pytest.fixture(autouse=True)
def allow_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_WEB_ALLOW", "127.0.0.1")


@pytest.fixture
def site() -> Iterator[str]:
    Pages.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def read(path: Path) -> Reading:
    looked = look_at_files([Location(name="it", address=str(path))])
    for unread in looked.unread:
        raise InputError(unread.reason)
    return read_own(looked.originals[0])


async def get(url: str) -> fetch.Fetched:
    return await fetch.fetch(url, fetch.open_web())


async def research(*sources: Path | str, journal: MemoryJournal | None = None) -> Rehearsal:
    given: list[JsonValue] = [str(source) for source in sources]
    return await rehearse("research", QUESTION, {"sources": given}, journal=journal)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.txt", b"", "is empty"),
        ("blank.md", b" \n\n", "is empty"),
        ("picture.pdf", b"\x89PNG\r\n\x1a\n\0\0\0", "is a PNG picture, not the PDF it claims"),
        ("letter.pdf", b"Dear Sir", "is not the PDF it claims to be"),
        ("broken.pdf", b"%PDF-1.4\nnothing follows", "is damaged"),
        ("scanned.pdf", PDF_WITHOUT_TEXT, "PDF without text"),
        ("secret.pdf", PDF_WITH_PASSWORD, "opens with a password only"),
        ("data.txt", b"a\0\1\2b", "holds binary data"),
        ("marks.md", b"---\n\n***\n", "has no words in it"),
        ("pictures.html", b"<html><body><img src='a.png'></body></html>", "has no words in it"),
    ],
)
async def test_files_that_hold_nothing_to_quote(
    name: str, content: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason) as refused:
        read(path)
    assert str(path) in str(refused.value)
    with pytest.raises(InputError, match=reason):
        await research(path)


async def test_missing_files_pipes_and_large_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="there is no file or folder"):
        read(tmp_path / "nowhere.txt")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is not a regular file"):
        read(tmp_path / "pipe")
    (tmp_path / "large.txt").write_text("word " * 10)
    monkeypatch.setattr(files, "MOST_FILE_BYTES", 20)
    with pytest.raises(InputError, match="is larger than"):
        read(tmp_path / "large.txt")


async def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "private.txt"
    path.write_text(SAID)

    def refuse(_: Path) -> bytes:
        # Not by mode bits: root reads whatever they say.
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(InputError, match="may not be read"):
        read(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
async def test_text_in_every_usual_encoding(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("Déjà vu —\r\nagain.".encode(encoding))
    assert read(path).content.text == "Déjà vu —\nagain."


def test_folders_are_walked_by_name_without_hidden_and_other_files(tmp_path: Path) -> None:
    for name in ("b.md", "a.txt", "c.png", ".hidden.txt", ".git/d.txt", "deep/e.html"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(SAID)
    found = find_sources([str(tmp_path), str(tmp_path / "a.txt")], "standard")
    names = [Path(one.address).relative_to(tmp_path).as_posix() for one in found.locations]
    assert names == ["a.txt", "b.md", "deep/e.html"]
    (tmp_path / "none").mkdir()
    nothing = find_sources([str(tmp_path / "none")], "standard")
    assert "holds no text" in nothing.unread[0].reason


async def test_a_name_that_is_no_text_is_named_as_far_as_it_can_be(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(SAID)
    with open(os.fsencode(tmp_path) + b"/b\xff.txt", "w") as file:  # noqa: ASYNC230, PTH123
        file.write(SAID)
    rehearsal = await research(tmp_path)
    failed = json.loads(rehearsal.files["report.json"])["unread"]
    assert [one["source"] for one in failed] == [f"{tmp_path}/b\ufffd.txt"]


def test_depth_limits_how_many_are_read(tmp_path: Path) -> None:
    pages = [f"http://127.0.0.1/{number}" for number in range(30)]
    found = find_sources(pages, "quick")
    assert (len(found.locations), found.left_out) == (25, 5)
    for number in range(30):
        (tmp_path / f"{number:02}.txt").write_text(SAID)
    found = find_sources([str(tmp_path), *pages], "quick")
    assert (len(found.locations), found.left_out) == (55, 5)


async def test_when_every_source_fails_all_reasons_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    with pytest.raises(InputError) as refused:
        await research(tmp_path / "empty.txt", tmp_path / "nowhere.txt")
    told = str(refused.value)
    assert told.startswith("research could read none of its 2 sources: ")
    assert "is empty" in told
    assert "there is no file or folder" in told
    assert not re.search(r"[.!?] [A-Z]", told)


@pytest.mark.parametrize("page", ["/page", "/plain", "/moved"])
async def test_pages_are_read_and_quoted(page: str, site: str) -> None:
    rehearsal = await research(site + page)
    cited = json.loads(rehearsal.files["citations.json"])
    assert [one["quote"] for one in cited] == [SAID]
    address = site + ("/page" if page == "/moved" else page)
    assert f"<{address}>" in rehearsal.files["report.md"].decode()


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("/nothing", "answered with status 404"),
        ("/picture", "is image/png, no text"),
        ("/round", "leads nowhere"),
    ],
)
async def test_pages_that_cannot_be_read(page: str, reason: str, site: str) -> None:
    with pytest.raises(InputError, match=reason):
        await get(site + page)


async def test_pages_of_this_machine_are_not_read_unless_a_setting_allows_it(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PERDURE_WEB_ALLOW")
    with pytest.raises(InputError, match="a loopback address, where agents may not go"):
        await research(site + "/page")
    assert Pages.asked == []


async def test_a_page_that_is_too_large(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MOST_PAGE_BYTES", 1000)
    with pytest.raises(InputError, match="is larger than"):
        await get(site + "/large")


async def test_a_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TIME_LIMIT_SECONDS", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(SourceUnreachable, match="did not answer in time"),
    ):
        await get(f"http://127.0.0.1:{silent.getsockname()[1]}/")


async def test_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(SourceUnreachable, match="cannot be reached"):
        await get(f"http://127.0.0.1:{port}/")


async def test_a_busy_server_is_reported_and_alone_it_is_worth_another_attempt(
    site: str, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text(SAID)
    rehearsal = await research(tmp_path / "a.txt", site + "/busy")
    assert "status 503" in rehearsal.files["report.md"].decode()
    with pytest.raises(SourceUnreachable, match="status 503"):
        await research(site + "/busy")


async def test_where_nothing_answers_the_sources_not_read_are_named(
    site: str, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("Bread is baked at four in the morning.")
    rehearsal = await research(tmp_path / "a.txt", site + "/busy")
    report = json.loads(rehearsal.files["report.json"])
    assert report["status"] == "not-said"
    assert [one["source"] for one in report["unread"]] == [site + "/busy"]


async def test_a_retry_asks_for_no_page_again(site: str) -> None:
    first = await research(site + "/page")
    second = await research(site + "/page", journal=first.journal)
    assert Pages.asked == ["/page"]
    # The archived texts were stored in a step, which is not done again.
    again = {name: first.files[name] for name in second.files}
    assert again == second.files
    assert set(first.files) - set(second.files) == {
        name for name in first.files if name.startswith("sources")
    }
