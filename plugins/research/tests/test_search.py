"""Searching the web: providers that answer over HTTP as the services do, and several as one."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from pydantic import JsonValue

from perdure.agents import InputError, PermanentError, TransientError
from perdure.testing import (
    ChatRequest,
    ModelServer,
    Rehearsal,
    Reply,
    ToolCall,
    calls,
    rehearse,
)
from perdure_research.search.given_sources import find_sources
from perdure_research.search.providers.duckduckgo import DuckDuckGo
from perdure_research.search.providers.provider import open_api
from perdure_research.search.providers.searxng import Searxng
from perdure_research.search.providers.tavily import Tavily
from perdure_research.search.results import SearchResult, merge

QUESTION = "Why do lighthouses need foghorns?"
SAID = "Lighthouses need foghorns because their light does not pass through fog."
KEY = "tvly-dev-0123456789abcdef"


class Services(BaseHTTPRequestHandler):
    """SearXNG, Tavily, DuckDuckGo and a site, on one server; what was asked is kept."""

    asked: list[tuple[str, dict[str, str], bytes]]
    answers: dict[str, tuple[int, str, str]]

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        path = urlsplit(self.path).path
        if path != "/robots.txt":
            self.asked.append(
                (self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            )
        status, media_type, text = self.answers.get(path, (404, "text/plain", "none"))
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay silent."""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Services.asked, Services.answers = [], {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Services)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("PERDURE_WEB_ALLOW", "127.0.0.1")
    monkeypatch.setenv("SEARXNG_URL", address)
    monkeypatch.setenv("TAVILY_API_KEY", KEY)
    monkeypatch.setattr(
        "perdure_research.search.providers.tavily.Tavily.__init__.__defaults__",
        (f"{address}/tavily",),
    )
    monkeypatch.setattr(
        "perdure_research.search.providers.duckduckgo.DuckDuckGo.__init__.__defaults__",
        (f"{address}/html/",),
    )
    try:
        yield address
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(path: str, text: object, status: int = 200, media_type: str = "text/html") -> None:
    if not isinstance(text, str):
        text, media_type = json.dumps(text), "application/json"
    Services.answers[path] = (status, media_type, text)


def page(*paragraphs: str, head: str = "") -> str:
    told = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return f"<!DOCTYPE html><html><head><title>Fog</title>{head}</head><body>{told}</body></html>"


def duckduckgo(*urls: str) -> str:
    """Return the page of results for browsers without scripts, an advertisement first."""
    boxes = "".join(
        f"""<div class="result results_links results_links_deep web-result ">
        <div class="links_main links_deep result__body"><h2 class="result__title">
        <a rel="nofollow" class="result__a" href="{url}">About <b>fog</b></a></h2>
        <a class="result__snippet" href="{url}">All about <b>fog</b>.</a></div></div>"""
        for url in urls
    )
    advertisement = """<div class="result results_links result--ad"><h2 class="result__title">
        <a class="result__a" href="https://duckduckgo.com/y.js?ad_domain=fog.example">Fog!</a></h2>
        </div>"""
    return f"<html><body><div class='serp__results'>{advertisement}{boxes}</div></body></html>"


LITE = """<html><body><form></form><table>
<tr><td>1.&nbsp;</td><td><a rel="nofollow" href="https://fog.example/a" class='result-link'>A</a>
</td></tr><tr><td></td><td class='result-snippet'>About <b>a</b>.</td></tr>
<tr><td></td><td><span class='link-text'>fog.example/a</span></td></tr>
</table></body></html>"""


async def research(*sources: str, search: list[str], **more: Any) -> Rehearsal:
    given: dict[str, JsonValue] = {"sources": [*sources], "search": [*search], **more}
    return await rehearse("research", QUESTION, given)


def cited(rehearsal: Rehearsal) -> list[dict[str, Any]]:
    return list(json.loads(rehearsal.files["citations.json"]))


async def test_searxng_is_asked_for_json(site: str) -> None:
    results = [
        {"url": "https://fog.example/", "title": "Fog", "content": "About fog.", "engine": "bing"},
        {"url": "magnet:?xt=1", "title": "no page"},
        {"title": "no address"},
    ]
    answer("/search", {"query": "fog", "results": results, "unresponsive_engines": []})
    found = await Searxng(open_api()).search("fog & mist", 5)
    assert found == [SearchResult(url="https://fog.example/", title="Fog", snippet="About fog.")]
    assert parse_qs(urlsplit(Services.asked[0][0]).query) == {
        "q": ["fog & mist"],
        "format": ["json"],
    }


async def test_tavily_gets_its_key_in_a_header(site: str) -> None:
    results = [{"url": "https://fog.example/", "title": "Fog", "content": "About fog.", "score": 1}]
    answer("/tavily", {"query": "fog", "results": results, "response_time": 1.2})
    found = await Tavily(open_api()).search("fog", 50)
    assert [one.url for one in found] == ["https://fog.example/"]
    path, headers, body = Services.asked[0]
    assert headers["authorization"] == f"Bearer {KEY}"
    assert json.loads(body) == {"query": "fog", "max_results": 20}
    assert KEY not in path + body.decode()


async def test_duckduckgo_is_read_in_both_its_forms(site: str) -> None:
    redirect = f"//duckduckgo.com/l/?uddg={quote('https://fog.example/?a=1', safe='')}&rut=0"
    answer("/html/", duckduckgo(redirect, "https://fog.example/b"))
    found = await DuckDuckGo(open_api()).search("fög", 5)
    assert [one.url for one in found] == ["https://fog.example/?a=1", "https://fog.example/b"]
    assert (found[0].title, found[0].snippet) == ("About fog", "All about fog.")
    assert Services.asked[0][2] == b"q=f%C3%B6g"
    answer("/html/", LITE)
    lite = await DuckDuckGo(open_api()).search("fog", 5)
    assert lite == [SearchResult(url="https://fog.example/a", title="A", snippet="About a.")]


@pytest.mark.parametrize(
    ("status", "text"),
    [(202, "<html></html>"), (200, "<html><div class='anomaly-modal__mask'>Select ducks</div>")],
)
async def test_a_puzzle_of_duckduckgo_is_no_empty_result(status: int, text: str, site: str) -> None:
    answer("/html/", text, status)
    with pytest.raises(PermanentError, match="asks too much"):
        await DuckDuckGo(open_api()).search("fog", 5)
    answer("/html/", "<div class='no-results'>No results.</div>")
    assert await DuckDuckGo(open_api()).search("fog", 5) == []


async def test_services_that_refuse_say_why(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer("/search", "no", 403)
    with pytest.raises(PermanentError, match="add json to formats"):
        await Searxng(open_api()).search("fog", 5)
    answer("/search", ["no results"])
    with pytest.raises(PermanentError, match="without a list of results"):
        await Searxng(open_api()).search("fog", 5)
    answer("/search", "busy", 502)
    with pytest.raises(TransientError, match="status 502"):
        await Searxng(open_api()).search("fog", 5)
    answer("/tavily", {"detail": {"error": "Unauthorized"}}, 401)
    with pytest.raises(InputError, match="refuses the key in TAVILY_API_KEY") as refused:
        await Tavily(open_api()).search("fog", 5)
    assert KEY not in str(refused.value)
    monkeypatch.delenv("TAVILY_API_KEY")
    with pytest.raises(InputError, match="set TAVILY_API_KEY where the worker runs"):
        await Tavily(open_api()).search("fog", 5)
    monkeypatch.setenv("SEARXNG_URL", "searx")
    with pytest.raises(InputError, match="set SEARXNG_URL"):
        await Searxng(open_api()).search("fog", 5)


def test_what_several_find_stands_first_and_once() -> None:
    first = [SearchResult(url=f"https://fog.example/{name}") for name in "abc"]
    second = [
        SearchResult(url="http://www.fog.example/c/?utm_source=x"),
        SearchResult(url="https://fog.example/d"),
    ]
    merged = [one.url for one in merge([first, second], 10)]
    assert merged == [f"https://fog.example/{name}" for name in "cabd"]
    assert len(merge([first, second], 2)) == 2


async def test_pages_that_providers_find_are_read_and_cited(site: str) -> None:
    answer("/search", {"results": [{"url": f"{site}/fog?utm_source=s"}, {"url": f"{site}/gone"}]})
    answer("/html/", duckduckgo(f"{site}/fog/"))
    answer("/fog", page(SAID))
    answer("/tavily", {"detail": "over the limit"}, 432)
    rehearsal = await research(search=["searxng", "duckduckgo", "tavily"])
    assert [(one["quote"], one["address"]) for one in cited(rehearsal)] == [(SAID, f"{site}/fog")]
    failed: Any = rehearsal.result.data["failed"]
    assert [one["source"] for one in failed] == ["tavily", f"{site}/gone"]
    assert "status 432" in failed[0]["reason"]
    asked = [path for path, _, _ in Services.asked]
    assert asked.count("/fog") == 1


async def test_a_model_has_the_providers_search_again(site: str, model_server: ModelServer) -> None:
    answer("/search", {"results": [{"url": f"{site}/fog"}]})
    answer("/fog", page(SAID))
    answer("/horns", page("A foghorn is heard two miles off, where lighthouses are unseen."))
    answer("/private", page("Nobody is to see this."))
    heard = "A foghorn is heard two miles off"

    def expert(request: ChatRequest) -> Reply:
        shown = "".join(str(message["content"]) for message in request.messages)
        if heard not in shown:
            answer("/search", {"results": [{"url": f"{site}/fog"}, {"url": f"{site}/horns"}]})
            return calls(ToolCall("search_providers", {"query": "lighthouses foghorns"}))
        source = shown.partition(heard)[0].rpartition("source ")[2].partition(",")[0]
        citation: JsonValue = {"source": source, "quotation": heard}
        claims: list[JsonValue] = [
            {
                "sentence": "Lighthouses are unseen where a foghorn is heard.",
                "citations": [citation],
            }
        ]
        return calls(ToolCall("write_claims", {"claims": claims}))

    model_server.answers(expert)
    rehearsal = await research(search=["searxng"], depth="quick")
    assert rehearsal.result.metadata["way"] == "model"
    assert [one["address"] for one in cited(rehearsal)] == [f"{site}/horns"]
    fetched = [path for path, _, _ in Services.asked if not path.startswith("/search")]
    assert fetched == ["/fog", "/horns"]


async def test_a_page_under_several_addresses_is_one_source(site: str) -> None:
    canonical = f"<link rel=canonical href='{site}/fog'>"
    article = ["Fog is water in the air near the ground.", SAID, "It is grey, and it is wet."] * 3
    answer("/fog", page(*article, head=canonical))
    answer("/print", page(*article, head=canonical))
    answer("/mirror", page(*article, "Share this page with friends."))
    answer("/other", page(SAID.replace("need", "do not need"), *article[3:]))
    urls = [f"{site}/{name}" for name in ("print?b=2&a=1", "fog", "mirror", "other", "fog#top")]
    rehearsal = await research(*urls, search=[])
    sources = json.loads(rehearsal.files["report.json"])["sources"]
    assert len(sources) == 2
    assert set(sources[0]["addresses"]) >= {
        f"{site}/fog",
        f"{site}/print?b=2&a=1",
        f"{site}/mirror",
    }
    assert sources[1]["addresses"] == [f"{site}/other"]


def test_patterns_stand_for_files(tmp_path: Path) -> None:
    for name in ("a.md", "b.txt", "deep/c.md", ".hidden.md"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(SAID)
    found = find_sources([f"{tmp_path}/**/*.md"], "standard")
    names = [Path(one.address).relative_to(tmp_path).as_posix() for one in found.locations]
    assert names == ["a.md", "deep/c.md"]
    nothing = find_sources([f"{tmp_path}/*.pdf"], "standard")
    assert "no file matches" in nothing.unread[0].reason
