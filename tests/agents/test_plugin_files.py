"""Plugin files: loaded like a plugin, each version on its own, the last good one kept."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from perdure.agents.plugins.file_watch import watch_files
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.loading.files import CurrentObservers, load_file
from perdure.agents.plugins.registry import AgentRegistry
from perdure.models import Event
from perdure.schemas.plugins import Plugin
from perdure.settings import Settings
from perdure.testing import rehearse
from tests.support.until import until_async

SECONDS = 10.0
GREETER = b"""
from dataclasses import dataclass
from perdure.agents import Goal, Result, Run, agent, hookimpl

WORD = "hello"

@dataclass
class Greeting:
    word: "str"

@agent
async def greeter(run: Run, goal: Goal) -> Result:
    "Greets."
    return Result(summary=Greeting(WORD).word)

@hookimpl
def register_agents():
    return [greeter]
"""
OBSERVER = b"""
from pathlib import Path
from perdure.agents import hookimpl

class Writes:
    async def on_event(self, event):
        with Path(event.workflow_id).open("a") as file:
            file.write("one ")

@hookimpl
def register_observers():
    return [Writes()]
"""


@pytest.fixture(autouse=True)
def _no_distributions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.agents.plugins.trial.survey.find_candidates", list)


def registry_with(*files: Path) -> AgentRegistry:
    return AgentRegistry.load(Settings(plugin_files=files))


def reload(registry: AgentRegistry, path: Path, source: bytes) -> None:
    registry.replace_file(registry.files[path], source, load_file(path, source, SECONDS))


def only(registry: AgentRegistry) -> Plugin:
    (plugin,) = registry.plugins
    return plugin


async def test_a_version_goes_on_when_another_comes_within_the_same_second(tmp_path: Path) -> None:
    path = tmp_path / "my-greeter.py"
    path.write_bytes(GREETER)
    registry = registry_with(path)
    first = registry.agent("greeter")
    assert first.agent_version == "my-greeter.py file"
    assert (only(registry).hooks, only(registry).agents) == (("register_agents",), ("greeter",))
    reload(registry, path, GREETER.replace(b"hello", b"howdy"))
    second = registry.agent("greeter")
    assert (await rehearse(first.spec, "x")).result.summary == "hello"
    assert (await rehearse(second.spec, "x")).result.summary == "howdy"
    assert first.spec.agent.__module__ != second.spec.agent.__module__


def test_what_cannot_be_loaded_leaves_what_could(tmp_path: Path) -> None:
    path = tmp_path / "greeter.py"
    path.write_bytes(GREETER)
    registry = registry_with(path)
    for source, reason in {
        b"raise RuntimeError('no')": r"greeter.py, line 1\) raised RuntimeError: no",
        b"def (": r"greeter.py, line 1\) raised SyntaxError",
        b"import sys; sys.exit(3)": r"called sys\.exit\(3\)",
        b"x = 1": "implements no hook",
        "é".encode("latin-1"): "SyntaxError",
        GREETER.replace(b"[greeter]", b"[greeter, greeter]"): "twice",
    }.items():
        with pytest.raises(PluginError, match=reason):
            reload(registry, path, source)
        assert list(registry.agents) == ["greeter"]


def test_a_name_that_another_has_is_refused_whoever_comes_second(tmp_path: Path) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_bytes(GREETER)
    two.write_bytes(GREETER)
    registry = registry_with(one, two)
    assert registry.agent("greeter").distribution == "one.py"
    refused = {plugin.distribution: plugin.reason for plugin in registry.plugins}["two.py"]
    assert "claimed by one.py already" in refused
    assert "\n" not in refused


async def test_observers_change_with_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bell.py"
    path.write_bytes(OBSERVER)
    registry = registry_with(path)
    (observer,) = registry.observers
    event = Event(workflow_id="events", number=1, type="run.started", time=datetime.now(UTC))
    await observer.on_event(event)
    reload(registry, path, OBSERVER.replace(b"one ", b"two "))
    await observer.on_event(event)
    registry.remove_file(registry.files[path])
    await observer.on_event(event)
    assert (tmp_path / "events").read_text() == "one two "


def test_a_file_that_is_not_there_is_listed_with_that_reason(tmp_path: Path) -> None:
    plugin = only(registry_with(tmp_path / "gone.py"))
    assert (plugin.status, plugin.version) == ("failed", "file")
    assert plugin.reason == f"there is no file {tmp_path / 'gone.py'}"
    plugin = only(registry_with(tmp_path))
    assert "cannot be read" in plugin.reason


async def test_an_observer_that_fails_keeps_no_event_from_the_next() -> None:
    heard: list[str] = []

    class Fails:
        async def on_event(self, event: Event) -> None:
            raise ValueError("it is full")

    class Hears:
        async def on_event(self, event: Event) -> None:
            heard.append(event.type)

    observers = CurrentObservers()
    observers.observers = (Fails(), Hears())
    event = Event(
        workflow_id="goal-1", number=1, type="run.started", time=datetime.now(UTC), data={}
    )
    with pytest.raises(ValueError, match="full"):
        await observers.on_event(event)
    assert heard == ["run.started"]


IMPORTS = b"""
import json
import words
import shapes.round
from perdure.agents import Goal, Result, Run, agent, hookimpl
from shapes import square

@agent
async def greeter(run: Run, goal: Goal) -> Result:
    "Greets."
    from late import LATE

    parts = words.WORD, shapes.round.NAME, square.NAME, LATE, json.dumps([1])
    return Result(summary=" ".join(parts))

@hookimpl
def register_agents():
    return [greeter]
"""


def with_neighbours(folder: Path, word: str, name: str = "greeter") -> Path:
    """Return a plugin file that imports what is beside it."""
    (folder / "shapes").mkdir(parents=True)
    (folder / "words.py").write_text(
        f"from words_of import WORD as THEIRS\nWORD = {word!r} + THEIRS\n"
    )
    (folder / "words_of.py").write_text("WORD = '!'\n")
    (folder / "json.py").write_text("raise RuntimeError('not what anybody means')\n")
    (folder / "late.py").write_text("LATE = 'late'\n")
    (folder / "shapes" / "__init__.py").write_text("from .round import NAME as FIRST\n")
    (folder / "shapes" / "round.py").write_text("NAME = 'circle'\n")
    (folder / "shapes" / "square.py").write_text("from . import FIRST\nNAME = FIRST + '-box'\n")
    path = folder / "my_agent.py"
    path.write_bytes(IMPORTS.replace(b"greeter", name.encode()))
    return path


async def test_a_file_imports_what_is_beside_it(tmp_path: Path) -> None:
    """Each file has its own neighbours, each version its state of them; no library is hidden."""
    first = with_neighbours(tmp_path / "one", "hello")
    second = with_neighbours(tmp_path / "two", "howdy", "other")
    registry = registry_with(first, second)
    assert not [plugin.reason for plugin in registry.plugins if plugin.reason]
    for name, word in (("greeter", "hello"), ("other", "howdy")):
        result = (await rehearse(registry.agent(name).spec, "x")).result
        assert result.summary == f"{word}! circle circle-box late [1]"
    assert "words" not in sys.modules

    old = registry.agent("greeter")
    (first.parent / "words.py").write_text("WORD = 'salut'\n")
    reload(registry, first, first.read_bytes())
    assert (await rehearse(old.spec, "x")).result.summary.startswith("hello! ")
    assert (await rehearse(registry.agent("greeter").spec, "x")).result.summary.startswith("salut ")


async def test_a_file_is_reloaded_when_what_it_imports_changes(tmp_path: Path) -> None:
    path = with_neighbours(tmp_path / "one", "hello")
    (path.parent / "words_of.py").unlink()
    registry = registry_with(path)
    assert "needs the module words_of" in only(registry).reason
    settings = Settings(plugin_files=(path,))
    watching = asyncio.create_task(watch_files(registry, settings))
    try:

        async def greets(with_: str) -> None:
            async def does() -> bool:
                if "greeter" not in registry.agents:
                    return False
                result = (await rehearse(registry.agent("greeter").spec, "x")).result
                return result.summary.startswith(with_)

            await until_async(does, f"the greeting {with_!r}")

        (path.parent / "words_of.py").write_text("WORD = '?'\n")
        await greets("hello? circle ")
        (path.parent / "shapes" / "round.py").write_text("NAME = 'ring'\n")
        await greets("hello? ring ring-box ")
        (path.parent / "words.py").write_text("def (\n")
        await until_async(lambda: "SyntaxError" in only(registry).reason, "the failure")
        await greets("hello? ring ")  # the last good version, late.py included
        (path.parent / "words.py").write_text("WORD = 'fine'\n")
        await greets("fine ring ")
        (path.parent / "late.py").write_text("LATE = 'later'\n")
        await greets("fine ring ring-box later")
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
