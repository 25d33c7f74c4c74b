"""The HTTP client for agents, with real servers on this machine."""

import asyncio
import gzip
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from perdure.agents import (
    Goal,
    InputError,
    PermanentError,
    Result,
    Run,
    Throttled,
    TransientError,
    WebClient,
    WebResponse,
    agent,
)
from perdure.agents.web_client import transport
from perdure.agents.web_client.addresses import Allowed, fault_of
from perdure.agents.web_client.robots import parse_robots
from perdure.testing import rehearse

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Site:
    """A web server, and what it was asked for.

    Attributes:
        answers: The answer for each path; 404 for any other.
        requests: The heads of the requests, those for ``/robots.txt`` included.
    """

    port: int = 0
    address: str = "127.0.0.1"
    scheme: str = "http"
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def url(self, path: str = "/", host: str | None = None) -> str:
        return f"{self.scheme}://{host or self.address}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        return [head.split()[1] for head in self.requests]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(head)
            given = self.answers.get(head.split()[1], answer(status="404 Not Found"))
            if isinstance(given, bytes):
                writer.write(given)
                await writer.drain()
            else:
                await given(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has seen enough
        finally:
            writer.close()


@asynccontextmanager
async def serving(site: Site, context: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
    server = await asyncio.start_server(site.serve, site.address, site.port, ssl=context)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving(Site(answers={"/": answer(b"here")})) as running:
        yield running


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_WEB_ALLOW", "127.0.0.1")


Names = dict[str, list[str]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Names of hosts, each with the addresses that it has at one time after the other."""
    known: Names = {}
    real = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name in known:
            host = known[name].pop(0)
        return real(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


FORMS = (
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "017700000001",
    "0177.0.0.1",
    "0",
    "localhost",
    "LOCALHOST",
    "127。0。0。1",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
)


@pytest.mark.parametrize("host", FORMS)
async def test_this_machine_is_refused_however_it_is_written(host: str, site: Site) -> None:
    with pytest.raises(InputError):
        await WebClient().get(site.url(host=host))
    assert site.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "[::ffff:7f00:1]"])
async def test_what_is_allowed_may_be_written_in_any_form(
    host: str, site: Site, allowed: None
) -> None:
    response = await WebClient().get(site.url(host=host))
    assert (response.status, response.text) == (200, "here")
    assert site.requests[-1].startswith("GET / HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("10.1.2.3", "private"),
        ("172.31.0.1", "private"),
        ("192.168.0.1", "private"),
        ("100.64.0.1", "private"),
        ("198.18.0.1", "private"),
        ("192.0.2.1", "private"),
        ("240.0.0.1", "private"),
        ("255.255.255.255", "private"),
        ("0.0.0.0", "unspecified"),
        ("169.254.0.1", "link-local"),
        ("169.254.169.254", "metadata"),
        ("100.100.100.200", "metadata"),
        ("168.63.129.16", "metadata"),
        ("224.0.0.1", "multicast"),
        ("::", "unspecified"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fec0::1", "private"),
        ("fd12::1", "private"),
        ("fd00:ec2::254", "metadata"),
        ("ff02::1", "multicast"),
        ("::ffff:169.254.169.254", "metadata"),
        ("::ffff:10.0.0.1", "private"),
        ("::10.0.0.1", "private"),
        ("64:ff9b::a9fe:a9fe", "metadata"),
        ("64:ff9b:1::1", "private"),
        ("2002:a00:1::", "private"),
        ("2001:0:a00:1::", "private"),
        ("2001:db8::1", "private"),
    ],
)
def test_what_is_not_public(address: str, fault: str) -> None:
    assert fault in (fault_of(ip_address(address)) or "public")


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "64:ff9b::101:101"]
)
def test_what_is_public(address: str) -> None:
    assert fault_of(ip_address(address)) is None


async def test_the_address_checked_is_the_address_used(
    site: Site, names: Names, allowed: None
) -> None:
    names["rebind.test"] = ["127.0.0.1", "127.0.0.2"]
    async with serving(Site(site.port, "127.0.0.2", answers=site.answers)) as other:
        client = WebClient(robots=False)
        assert (await client.get(site.url(host="rebind.test"))).text == "here"
        assert names["rebind.test"] == ["127.0.0.2"]  # nobody has asked a second time
        assert f"Host: rebind.test:{site.port}\r\n" in site.requests[0]
        with pytest.raises(InputError, match=r"rebind\.test is at 127\.0\.0\.2, a loopback"):
            await client.get(site.url(host="rebind.test"))
        assert other.requests == []


async def test_a_name_is_refused_for_any_of_its_addresses(
    monkeypatch: pytest.MonkeyPatch, site: Site, allowed: None
) -> None:
    both = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, site.port))
        for address in ("127.0.0.1", "10.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    with pytest.raises(InputError, match=r"is at 10\.0\.0\.1, a private"):
        await WebClient().get(site.url(host="both.test"))
    assert site.requests == []


async def test_a_program_is_given_the_addresses_that_were_checked(
    names: Names, allowed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    names["pages.test"] = ["127.0.0.1"]
    assert await WebClient().addresses("https://pages.test/a") == ("127.0.0.1",)
    with pytest.raises(InputError, match="a private or reserved address"):
        await WebClient().addresses("https://10.0.0.1/a")
    with pytest.raises(InputError, match="no URL that can be read"):
        await WebClient().addresses("ext::sh -c id")
    with pytest.raises(TransientError, match="has no address"):
        await WebClient().addresses("https://nowhere.invalid/")
    monkeypatch.setenv("PERDURE_WEB_PROXY", "http://proxy.test:8080")
    assert await WebClient().addresses("https://nowhere.invalid/") == ()
    assert WebClient().proxy == "http://proxy.test:8080"


async def test_every_redirect_is_checked(site: Site, allowed: None) -> None:
    async with serving(Site(address="127.0.0.2", answers=site.answers)) as private:
        site.answers |= {
            "/away": answer(status="302 Found", Location=private.url()),
            "/file": answer(status="302 Found", Location="file:///etc/passwd"),
            "/credentials": answer(status="302 Found", Location="http://a:b@127.0.0.1/"),
            "/nonsense": answer(status="302 Found", Location="http://[::1"),
            "/on": answer(status="301 Moved", Location="/"),
            "/round": answer(status="307 Temporary Redirect", Location="/round"),
        }
        client = WebClient()
        with pytest.raises(InputError, match=r"/away redirects, and host 127\.0\.0\.2 is"):
            await client.get(site.url("/away"))
        with pytest.raises(InputError, match="/file redirects, and 'file:///etc/passwd' is no"):
            await client.get(site.url("/file"))
        with pytest.raises(InputError, match="/nonsense redirects to what is no URL"):
            await client.get(site.url("/nonsense"))
        with pytest.raises(InputError, match="has credentials in it"):
            await client.get(site.url("/credentials"))
        with pytest.raises(InputError, match="leads nowhere"):
            await client.get(site.url("/round"))
        response = await client.get(site.url("/on"))
        assert (response.url, response.text) == (site.url("/"), "here")
        assert private.requests == []


async def test_keys_and_bodies_do_not_go_to_another_site(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_WEB_ALLOW", "127.0.0.0/8")
    async with serving(Site(address="127.0.0.2", answers={"/": answer(b"there")})) as other:
        site.answers["/away"] = answer(status="303 See Other", Location=other.url())
        headers = {"Authorization": "Bearer secret", "X-Api-Key": "secret", "Accept": "text/plain"}
        response = await WebClient(robots=False).request(
            "POST", site.url("/away"), headers=headers, content=b"secret"
        )
        assert response.text == "there"
        assert "secret" in site.requests[0]
        assert other.requests[0].startswith("GET / ")
        assert "accept: text/plain" in other.requests[0].lower()
        assert "secret" not in other.requests[0]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "no URL that can be read"),
        ("ftp://pages.test/", "no URL that can be read"),
        ("gopher://127.0.0.1:70/", "no URL that can be read"),
        ("//pages.test/", "no URL that can be read"),
        ("http:///path", "no URL that can be read"),
        ("", "no URL that can be read"),
        ("http://[::1", "is no URL"),
        ("http://pages.test/\r\nX: y", "is no URL"),
        ("http://pages.test/" + "a" * 9000, "is longer than"),
        ("http://me:secret@pages.test/", "has credentials in it"),
        ("http://me@pages.test/", "has credentials in it"),
        ("http://pages.test\\@127.0.0.1/", "has credentials in it"),
        ("http://pages.test:25/", "names port 25"),
        ("http://pages.test:0/", "names port 0"),
        ("http://" + "a" * 70 + ".test/", "is no host name"),
    ],
)
async def test_urls_that_are_refused_as_they_stand(url: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as refused:
        await WebClient().get(url)
    assert "secret" not in str(refused.value)


async def test_a_name_in_the_setting_is_allowed_wherever_it_is(
    site: Site, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_WEB_ALLOW", "wiki.test, 10.0.0.0/8")
    names["Wiki.Test."] = names["wiki.test."] = ["127.0.0.1", "127.0.0.1"]
    assert (await WebClient().get(site.url(host="Wiki.Test."))).text == "here"
    with pytest.raises(InputError, match="loopback"):
        await WebClient().get(site.url())


@pytest.mark.parametrize("entry", ["http://wiki.test/", "wiki.test:80", "*.test", "10.0.0.0/33"])
def test_a_setting_that_names_nothing(entry: str) -> None:
    with pytest.raises(InputError, match="PERDURE_WEB_ALLOW has"):
        Allowed.from_setting(["wiki.test", entry])


async def test_the_certificate_is_that_of_the_name(
    names: Names, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = Path(__file__).with_name("pages_test.pem")  # of pages.test, and of nobody else
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    monkeypatch.setenv("PERDURE_WEB_ALLOW", "127.0.0.1")
    transport._certificates.cache_clear()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own)
    names |= {"pages.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]}
    client = WebClient(robots=False)
    try:
        async with serving(Site(scheme="https", answers={"/": answer(b"safe")}), context) as site:
            assert (await client.get(site.url(host="pages.test"))).text == "safe"
            with pytest.raises(PermanentError, match="certificate that is not to be trusted"):
                await client.get(site.url(host="other.test"))
            with pytest.raises(PermanentError, match="certificate that is not to be trusted"):
                await client.get(site.url())
    finally:
        transport._certificates.cache_clear()


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"more " * 10_000)
        await writer.drain()


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.01)


async def silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def zeros(count: int) -> bytes:
    packing = zlib.compressobj(wbits=31)
    return b"".join(packing.compress(bytes(2**20)) for _ in range(count)) + packing.flush()


@pytest.mark.parametrize(
    ("given", "error", "reason"),
    [
        (endless, InputError, "larger than 1 MB"),
        (answer(b"x" * 1_100_000), InputError, "larger than 1 MB"),
        (answer(zeros(64), Content_Encoding="gzip"), InputError, "larger than 1 MB"),
        (
            answer(gzip.compress(b"", mtime=0) * 60_000, Content_Encoding="gzip"),
            InputError,
            "larger than",
        ),
        (answer(zeros(1), Content_Encoding="gzip, gzip"), PermanentError, "packed as 'gzip, gzip'"),
        (answer(b"x", Content_Encoding="br"), PermanentError, "packed as 'br'"),
        (answer(b"x" * 99, Content_Encoding="gzip"), TransientError, "is not the gzip"),
        (
            answer(gzip.compress(b"x", mtime=0)[:-9], Content_Encoding="gzip"),
            TransientError,
            "ended before",
        ),
        (answer(b"x" * 50)[:-9], TransientError, "cannot be reached"),
        (b"nonsense\r\n\r\n", TransientError, "cannot be reached"),
        (drip, TransientError, "did not answer in time"),
        (silence, TransientError, "did not answer in time"),
    ],
)
async def test_bodies_that_are_too_much_or_never_end(
    given: Answer, error: type[Exception], reason: str, site: Site, allowed: None
) -> None:
    site.answers["/it"] = given
    slow = given in {drip, silence}
    client = WebClient(max_bytes=2**20, seconds=0.3 if slow else 60)
    with pytest.raises(error, match=reason):
        await client.get(site.url("/it"))


async def test_a_packed_body_is_unpacked(site: Site, allowed: None) -> None:
    packed = gzip.compress(b"one ", mtime=0) + gzip.compress("zwölf".encode()) + bytes(8)
    site.answers["/it"] = answer(packed, Content_Encoding="gzip", Content_Type="text/plain")
    response = await WebClient().get(site.url("/it"))
    assert (response.text, response.media_type) == ("one zwölf", "text/plain")
    assert "Accept-Encoding: gzip\r\n" in site.requests[-1]
    assert "User-Agent: perdure/" in site.requests[-1]


async def test_robots_are_honoured_and_read_once(site: Site, allowed: None) -> None:
    site.answers |= {
        "/robots.txt": answer(b"User-agent: *\nDisallow: /private\n"),
        "/private/a": answer(b"no"),
        "/away": answer(status="302 Found", Location="/private/a"),
    }
    client = WebClient()
    await asyncio.gather(*(client.get(site.url("/")) for _ in range(4)))
    with pytest.raises(InputError, match="/private/a may not be read by programs"):
        await client.get(site.url("/private/a"))
    with pytest.raises(InputError, match=r"/away redirects, and .*/private/a may not be read"):
        await client.get(site.url("/away"))
    assert site.paths == ["/robots.txt", *["/"] * 4, "/away"]
    assert (await WebClient(robots=False).get(site.url("/private/a"))).text == "no"


@pytest.mark.parametrize(
    ("robots", "error"),
    [
        (answer(status="404 Not Found"), None),
        (answer(status="403 Forbidden"), None),
        (answer(b"<html>no rules</html>"), None),
        (answer(status="302 Found", Location="/robots.txt"), None),
        (answer(status="503 Unavailable"), TransientError),
        (answer(status="429 Too Many"), TransientError),
        (answer(status="302 Found", Location="http://10.0.0.1/"), InputError),
        (b"nonsense\r\n\r\n", TransientError),
    ],
)
async def test_without_rules_everything_may_be_read(
    robots: bytes, error: type[Exception] | None, site: Site, allowed: None
) -> None:
    site.answers["/robots.txt"] = robots
    if error is None:
        assert (await WebClient().get(site.url("/"))).text == "here"
    else:
        with pytest.raises(error):
            await WebClient().get(site.url("/"))
        assert "/" not in site.paths


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("", "/", True),
        ("User-agent: *\nDisallow:", "/", True),
        ("User-agent: *\nDisallow: /", "/", False),
        ("user-AGENT: *\r\ndisallow: /a # all of it", "/ab", False),
        ("User-agent: other\nDisallow: /", "/", True),
        ("User-agent: Perdure/2\nDisallow: /", "/", False),
        ("User-agent: other\nUser-agent: perdure\nDisallow: /", "/", False),
        ("User-agent: perdure\nAllow: /\n\nUser-agent: *\nDisallow: /", "/", True),
        ("User-agent: perdure\nDisallow:\n\nUser-agent: *\nDisallow: /", "/", True),
        ("User-agent: *\nDisallow: /a\n\nUser-agent: *\nDisallow: /b", "/b", False),
        ("User-agent: *\nAllow: /a/b\nDisallow: /a", "/a/b/c", True),
        ("User-agent: *\nDisallow: /a\nAllow: /a", "/a", True),
        ("User-agent: *\nDisallow: /*.pdf$", "/x/y.pdf", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/x/y.pdf?z", True),
        ("User-agent: *\nDisallow: /*.pdf", "/x/y.pdf?z", False),
        ("User-agent: *\nDisallow: /a$", "/a", False),
        ("User-agent: *\nDisallow: /a$", "/ab", True),
        ("User-agent: *\nDisallow: /aa*aa$", "/aaa", True),
        ("User-agent: *\nDisallow: /*?page=", "/list?page=2", False),
        ("User-agent: *\nDisallow: /zw%C3%B6lf", "/zw%c3%b6lf", False),
        ("User-agent: *\nDisallow: /zwölf", "/zw%C3%B6lf", False),
        ("User-agent: *\nDisallow: /%7Ea", "/~a", False),
        ("\ufeffUser-agent: *\nDisallow: /", "/", False),
        ("User-agent: *\nDisallow: /" + "*a" * 5000 + "b", "/" + "a" * 5000, True),
    ],
)
def test_rules_of_robots(text: str, path: str, expected: bool) -> None:
    assert parse_robots(text.encode()).allow(path) is expected


async def test_proxies_of_the_environment_are_not_used_and_that_of_the_setting_is(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxied = "http://nowhere.invalid/page"
    async with serving(Site(answers={proxied: answer(b"by proxy")})) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url())
        monkeypatch.setenv("ALL_PROXY", proxy.url())
        with pytest.raises(TransientError, match="has no address"):
            await WebClient(robots=False).get(proxied)
        assert proxy.requests == []
        monkeypatch.setenv("PERDURE_WEB_PROXY", proxy.url())
        assert (await WebClient(robots=False).get(proxied)).text == "by proxy"
        with pytest.raises(InputError, match="loopback"):
            await WebClient(robots=False).get(site.url())
        assert proxy.paths == [proxied]


async def test_a_server_that_is_not_there(allowed: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(TransientError, match="cannot be reached"):
        await WebClient().get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (204, {}, None),
        (404, {}, PermanentError),
        (403, {}, PermanentError),
        (408, {}, TransientError),
        (500, {}, TransientError),
        (599, {}, TransientError),
        (503, {"retry-after": "3"}, Throttled),
        (429, {}, Throttled),
    ],
)
def test_statuses_as_errors(
    status: int, headers: dict[str, str], error: type[Exception] | None
) -> None:
    response = WebResponse("http://pages.test/", status, headers, b"")
    if error is None:
        assert response.raise_for_status() is response
    else:
        with pytest.raises(error, match=f"answered with status {status}"):
            response.raise_for_status()


def test_what_a_response_says_of_its_text() -> None:
    latin = {"content-type": "text/html; charset=iso-8859-1"}
    assert WebResponse("", 200, latin, "é".encode("latin-1")).text == "é"
    unknown = {"content-type": 'text/html; charset="x-none"'}
    assert WebResponse("", 200, unknown, "é".encode()).text == "é"
    assert WebResponse("", 200, {}, b'{"a": 1}').json() == {"a": 1}
    with pytest.raises(PermanentError, match="answered with no JSON"):
        WebResponse("http://pages.test/", 200, {}, b"<html>").json()


@pytest.mark.parametrize("header", ["Host", "user-agent", "Content-Length"])
async def test_headers_that_are_the_clients_own(header: str) -> None:
    with pytest.raises(PermanentError, match=f"sets the header {header.lower()} itself"):
        await WebClient().get("http://pages.test/", headers={header: "x"})


@agent
async def page_reader(run: Run, goal: Goal) -> Result:
    """Reads a page."""
    response = await run.step("fetch", WebClient().get, goal.description)
    return Result(summary=response.text)


async def test_a_response_is_journaled_as_it_is(site: Site, allowed: None) -> None:
    first = await rehearse(page_reader, site.url("/"))
    again = await rehearse(page_reader, site.url("/"), journal=first.journal)
    assert first.result.summary == again.result.summary == "here"
    assert site.paths == ["/robots.txt", "/"]
