"""The site: built with warnings as errors, whole in itself, and complete."""

import ast
import inspect
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import click
import pytest

import perdure.agents
import perdure.testing
from perdure.agents import hookspecs
from perdure.api.app import create_app
from perdure.cli.main import perdure as command_line
from perdure.client import AsyncClient
from perdure.client.connection.server import KEY_VARIABLE, SERVER_VARIABLE
from perdure.client.operations import AsyncResource
from perdure.settings import Settings

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
# What the site shows of agents' results may be Markdown too, and is no page.
SOURCES: Final = [page for page in sorted(DOCS.rglob("*.md")) if "_static" not in page.parts]

# What a browser fetches by itself, as against what a reader may click on.
FETCHED: Final = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "link": "href",
    "object": "data",
    "script": "src",
    "source": "src",
    "video": "src",
}


@dataclass
class Page(HTMLParser):
    """What a built page links to, fetches, and can be linked to by."""

    path: Path
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)
        self.feed(self.path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in FETCHED and FETCHED[tag] in given:
            self.fetched.append(given[FETCHED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site, built as ``make docs`` does."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", DOCS, folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Return the built pages by their place."""
    return {path.resolve(): Page(path.resolve()) for path in site.rglob("*.html")}


def text_of(site: Path, page: str) -> str:
    """Return the words of a built page."""
    html = (site / page).read_text(encoding="utf-8")
    return " ".join(re.sub(r"<[^>]+>", "", html).split())


def test_every_page_is_built_and_in_the_navigation(pages: dict[Path, Page], site: Path) -> None:
    start = site.resolve() / "index.html"
    navigation = {(start.parent / urlsplit(link).path).resolve() for link in pages[start].links}
    built = {(site / path.relative_to(DOCS)).with_suffix(".html").resolve() for path in SOURCES}
    assert built <= set(pages)
    assert built - {start} <= navigation


def test_every_link_within_the_site_leads_somewhere(pages: dict[Path, Page]) -> None:
    broken = []
    for page in pages.values():
        for link in page.links:
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue
            place = page.path if not address.path else page.path.parent / unquote(address.path)
            target = pages.get(place.resolve())
            there = target is not None or place.exists()
            anchor = unquote(address.fragment)
            if not there or (anchor and target is not None and anchor not in target.anchors):
                broken.append(f"{page.path.name}: {link}")
    assert not broken


def test_nothing_is_fetched_from_elsewhere(pages: dict[Path, Page], site: Path) -> None:
    fetched = [(page.path, address) for page in pages.values() for address in page.fetched]
    for sheet in site.rglob("*.css"):
        told = sheet.read_text(encoding="utf-8")
        fetched += [(sheet, found) for found in re.findall(r"url\(\s*['\"]?([^'\")]+)", told)]
        fetched += [(sheet, found) for found in re.findall(r"@import\s+['\"]([^'\"]+)", told)]
    assert fetched
    for place, address in fetched:
        if not address.startswith("data:"):
            parts = urlsplit(address)
            assert not f"{parts.scheme}{parts.netloc}", f"{place.name} fetches {address}"
            assert (place.parent / unquote(parts.path)).exists(), f"{place.name}: {address}"
    for script in site.rglob("*.js"):
        told = script.read_text(encoding="utf-8")
        assert not re.search(r"(?:fetch|import)\(\s*['\"]https?:", told), script.name


def commands_below(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for inner, found in command.commands.items():
            yield from commands_below(found, f"{name} {inner}")


COMMANDS: Final = dict(commands_below(command_line, "perdure"))


def test_no_command_and_no_option_is_missing(site: Path) -> None:
    told = text_of(site, "reference/commands.html")
    for name, command in COMMANDS.items():
        assert f" {name} " in told, name
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert max(option.opts, key=len) in told, f"{name} {option.opts}"


def test_no_setting_is_missing(site: Path) -> None:
    told = text_of(site, "reference/settings.html")
    for name in Settings.model_fields:
        assert f"PERDURE_{name.upper()}" in told


def test_no_hook_is_missing(site: Path) -> None:
    told = text_of(site, "reference/hooks.html")
    anchors = Page(site / "reference" / "hooks.html").anchors
    hooks = [name for name, value in vars(hookspecs).items() if hasattr(value, "perdure_spec")]
    assert hooks
    for name in hooks:
        opening = (inspect.getdoc(getattr(hookspecs, name)) or "").partition("\n")[0]
        assert f"{hookspecs.__name__}.{name}" in anchors
        assert opening.replace("``", "") in told


async def test_no_method_of_the_client_is_missing(site: Path) -> None:
    told = text_of(site, "reference/client.html")
    async with AsyncClient("http://127.0.0.1") as client:
        parts = {name: part for name, part in vars(client).items() if not name.startswith("_")}
    methods = 0
    for name, part in parts.items():
        if isinstance(part, AsyncResource):
            assert f"client.{name}" in told
            for method in vars(type(part)):
                if not method.startswith("_"):
                    methods += 1
                    assert f" {method}(" in told, f"{name}.{method}"
    assert methods > 40


def test_no_adapter_is_missing(site: Path) -> None:
    anchors = Page(site / "reference" / "adapters.html").anchors
    for name in ("langgraph", "openai_agents", "pydantic_ai"):
        assert f"perdure.adapters.{name}.durable" in anchors


@pytest.mark.parametrize("package", [perdure.agents, perdure.testing], ids=lambda p: p.__name__)
def test_nothing_public_is_missing(site: Path, package: object) -> None:
    name = getattr(package, "__name__", "")
    anchors = Page(site / "reference" / f"{name.rpartition('.')[2]}.html").anchors
    for public in getattr(package, "__all__", ()):
        assert f"{name}.{public}" in anchors, public


@pytest.mark.parametrize("page", ["agents", "testing", "adapters", "hooks"])
def test_examples_of_docstrings_are_python(site: Path, page: str) -> None:
    html = (site / "reference" / f"{page}.html").read_text(encoding="utf-8")
    examples = re.findall(r'<div class="highlight-(\w+).*?<pre>(.*?)</pre>', html, re.DOTALL)
    for language, marked in examples:
        assert language in {"default", "python"}
        ast.parse(textwrap.dedent(unescape(re.sub(r"<[^>]+>", "", marked))))


def test_no_route_and_no_field_is_missing(site: Path) -> None:
    told = text_of(site, "reference/http.html")
    document = create_app(None, Settings()).without_agents()  # type: ignore[arg-type]
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in told
    for schema in document["components"]["schemas"].values():
        for field_name in schema.get("properties", ()):
            assert f" {field_name} " in told


PROSE: Final = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *SOURCES]


def code_of(text: str) -> str:
    """Return what a page writes as code, a line for each."""
    blocks = re.findall(r"^```\w+\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"(?<!`)`([^`]+)`(?!`)", prose)
    return "\n".join([*blocks, *(" ".join(span.split()) for span in spans)])


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_options_that_are_named_exist(page: Path) -> None:
    code = code_of(page.read_text(encoding="utf-8"))
    for line in re.findall(r"(?<![\w./'-])perdure((?: +[^\s;&|>)]+)*)", code):
        name, words = "perdure", line.split()
        while words and isinstance(COMMANDS[name], click.Group):
            if words[0].startswith("-") or words[0].isupper():
                break
            name = f"{name} {words.pop(0)}"
            assert name in COMMANDS, name
        known = {option for one in COMMANDS[name].params for option in one.opts} | {"--help", "-h"}
        for option in words:
            if option.startswith("--"):
                assert option.partition("=")[0] in known, f"{name} {option}"


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_settings_that_are_named_exist(page: Path) -> None:
    known = {f"PERDURE_{name.upper()}" for name in Settings.model_fields}
    known |= {SERVER_VARIABLE, KEY_VARIABLE}
    named = set(re.findall(r"\bPERDURE_[A-Z_]+\b", page.read_text(encoding="utf-8")))
    assert named <= known
