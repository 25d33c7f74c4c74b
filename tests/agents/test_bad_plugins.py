"""Plugins that are wrong on purpose: each is refused with its sentence, and hurts no other.

Every folder of ``bad_plugins`` is a distribution as pip would have installed it, with the sentence
that ``perdure plugins`` is to show in ``expected.txt``.
"""

import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perdure.agents.plugins.registry import AgentRegistry, Plugin
from perdure.settings import Settings
from perdure.version import core_version
from tests.support.until import until

FOLDER = Path(__file__).with_name("bad_plugins")
NAMES = sorted(path.name for path in FOLDER.iterdir())
NEIGHBOURS = {
    "perdure-aardvark": """
from perdure.agents import Goal, Result, Run, agent, hookimpl

@agent
async def aardvark(run: Run, goal: Goal) -> Result:
    "Comes first."
    return Result(summary="ants")

@hookimpl
def register_agents():
    return [aardvark]
""",
    "perdure-zebra": """
from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl
from pydantic import BaseModel

class Parameters(BaseModel):
    stripes: int = 3

async def zebra(run: Run, goal: Goal, parameters: Parameters) -> Result:
    return Result(summary="stripes")

class Ear:
    async def on_event(self, event): ...

@hookimpl
def register_agents():
    return [AgentSpec(name="zebra", description="Comes last.", agent=zebra, parameters=Parameters)]

@hookimpl
def register_observers():
    return [Ear()]
""",
}


@pytest.fixture(autouse=True)
def _neighbours(
    install_plugin: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    denied = ",".join(f"perdure-{name}" for name in ("research", "code", "analysis", "document"))
    monkeypatch.setenv("PERDURE_PLUGINS_DENY", denied)
    for distribution, source in NEIGHBOURS.items():
        install_plugin(distribution, source)
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if name.startswith("perdure_"):
            del sys.modules[name]


def found(registry: AgentRegistry) -> dict[str, Plugin]:
    return {plugin.distribution: plugin for plugin in registry.plugins}


def whole(registry: AgentRegistry) -> bool:
    """Return whether the two neighbours are there with all they bring, and nothing else is."""
    plugins = found(registry)
    return (
        [plugins[name].status for name in NEIGHBOURS] == ["loaded", "loaded"]
        and not any(plugins[name].reason or plugins[name].warnings for name in NEIGHBOURS)
        and list(registry.agents) == ["aardvark", "zebra"]
        and [type(observer).__name__ for observer in registry.observers] == ["Ear"]
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_plugin_says_why_and_leaves_the_others_whole(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER / name))
    seconds = 5 if name == "endless" else 60
    registry = AgentRegistry.load(Settings(plugin_import_seconds=seconds))
    bad = found(registry)[f"perdure-{name}"]
    expected = (FOLDER / name / "expected.txt").read_text().strip()
    assert (bad.status, bad.reason) == ("failed", expected.format(core=core_version()))
    assert not bad.agents
    assert whole(registry)


def test_all_of_them_at_once_leave_the_others_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.syspath_prepend(str(FOLDER / name))
    registry = AgentRegistry.load(Settings(plugin_import_seconds=5))
    failed = {name for name, plugin in found(registry).items() if plugin.status == "failed"}
    assert failed == {f"perdure-{name}" for name in NAMES}
    assert whole(registry)


RUDE = {
    "print('hello')": "printed 'hello', which went to stderr: print nothing when imported",
    "import logging; logging.basicConfig(level=1, force=True)": (
        "set up the root logger, which was undone: leave that to the program, and log with"
        " logging.getLogger('perdure_rude')"
    ),
    "import os; os.chdir('/')": (
        "changed the working folder, which was undone: use absolute paths"
    ),
    "import io, sys; sys.stdout = io.StringIO()": (
        "replaced sys.stdout, which was undone: leave it as it is"
    ),
}


@pytest.mark.parametrize("rude", RUDE)
def test_what_a_rude_plugin_does_to_everybody_is_undone(
    rude: str, install_plugin: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    before = sys.stdout, Path.cwd(), logging.root.level, list(logging.root.handlers)
    source = NEIGHBOURS["perdure-aardvark"].replace("aardvark", "rude")
    install_plugin("perdure-rude", f"{rude}\n{source}")
    registry = AgentRegistry.load()
    plugin = found(registry)["perdure-rude"]
    assert plugin.status == "loaded"
    assert plugin.warnings == (f"loading perdure_rude {RUDE[rude]}",)
    assert (sys.stdout, Path.cwd(), logging.root.level, list(logging.root.handlers)) == before
    assert capsys.readouterr().out == ""


def test_what_an_endless_import_prints_later_stays_off_stdout(
    install_plugin: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # put back afterwards, whatever is there then
    go, gone = tmp_path / "go", tmp_path / "gone"
    install_plugin(
        "perdure-late",
        "import time\nfrom pathlib import Path\n"
        f"while not Path({str(go)!r}).exists(): time.sleep(0.01)\n"
        f"print('late')\nPath({str(gone)!r}).touch()\n",
    )
    registry = AgentRegistry.load(Settings(plugin_import_seconds=2))
    assert "took longer than 2 s" in found(registry)["perdure-late"].reason
    go.touch()
    until(gone.exists, "the end of the import")
    print("ours")
    captured = capsys.readouterr()
    assert (captured.out, "late" in captured.err) == ("ours\n", True)


def test_two_plugins_that_claim_one_name_name_each_other(
    install_plugin: Callable[..., None],
) -> None:
    claiming = NEIGHBOURS["perdure-aardvark"].replace("aardvark", "okapi")
    for distribution in ("perdure-one", "perdure-two"):
        install_plugin(distribution, claiming)
    registry = AgentRegistry.load()
    for distribution in ("perdure-one", "perdure-two"):
        assert found(registry)[distribution].reason == (
            "agent name 'okapi' is claimed by perdure-one and perdure-two: uninstall one, or"
            " name one in PERDURE_PLUGINS_DENY"
        )
    assert whole(registry)


def test_a_plugin_that_resembles_a_hook_is_warned_of_it(
    install_plugin: Callable[..., None],
) -> None:
    source = NEIGHBOURS["perdure-aardvark"].replace("aardvark", "okapi")
    install_plugin("perdure-okapi", f"{source}\ndef register_observer(): return []\n")
    okapi = found(AgentRegistry.load())["perdure-okapi"]
    assert okapi.status == "loaded"
    (warning,) = okapi.warnings
    assert warning == (
        "register_observer in perdure_okapi looks like the hook register_observers and is never"
        " called: name it register_observers and mark it with @hookimpl, or give it another name"
    )


FINE = {
    "a generator": "@hookimpl\ndef register_agents():\n    yield okapi\n",
    "a tuple": "@hookimpl\ndef register_agents():\n    return (okapi,)\n",
    "nothing to bring": "@hookimpl\ndef register_agents():\n    return []\n",
    "an argument with a default": (
        "@hookimpl\ndef register_agents(config=None):\n    return [okapi]\n"
    ),
    "another function's name": (
        "@hookimpl(specname='register_agents')\ndef ours():\n    return [okapi]\n"
    ),
    "the hook imported": "from perdure.agents.hookspecs import register_observers\n"
    "@hookimpl\ndef register_agents():\n    return [okapi]\n",
    "an observer that hands on": (
        "from collections.abc import Awaitable\n"
        "async def hear(event): ...\n"
        "class Ear:\n"
        "    def on_event(self, event) -> Awaitable[None]:\n"
        "        return hear(event)\n"
        "@hookimpl\ndef register_observers():\n    return [Ear()]\n"
    ),
    "parameters whose required value is read by a validator": (
        "from pydantic import BaseModel, model_validator\n"
        "class Parameters(BaseModel):\n"
        "    city: str\n"
        "    days: int = 3\n"
        "    @model_validator(mode='before')\n"
        "    def look(cls, given): return {**given, 'city': given['city'].title()}\n"
        "@agent\nasync def weather(run: Run, goal: Goal, parameters: Parameters) -> Result:\n"
        "    'Tells the weather.'\n"
        "@hookimpl\ndef register_agents():\n    return [weather]\n"
    ),
    "a default made of other values": (
        "from pydantic import BaseModel, Field\n"
        "class Parameters(BaseModel):\n"
        "    city: str\n"
        "    place: str = Field(default_factory=lambda known: known['city'])\n"
        "@agent\nasync def weather(run: Run, goal: Goal, parameters: Parameters) -> Result:\n"
        "    'Tells the weather.'\n"
        "@hookimpl\ndef register_agents():\n    return [weather]\n"
    ),
}


@pytest.mark.parametrize("form", FINE)
def test_what_is_right_is_not_refused(form: str, install_plugin: Callable[..., None]) -> None:
    from perdure.agents.description import describe_agents

    head = NEIGHBOURS["perdure-aardvark"].replace("aardvark", "okapi").partition("@hookimpl")[0]
    install_plugin("perdure-okapi", f"{head}\n{FINE[form]}")
    registry = AgentRegistry.load()
    okapi = found(registry)["perdure-okapi"]
    assert (okapi.status, okapi.reason, okapi.warnings) == ("loaded", "", ())
    assert {agent.name for agent in describe_agents(registry).agents} >= set(okapi.agents)


def test_an_interrupted_uninstall_is_no_plugin(tmp_path: Path) -> None:
    """A folder of metadata without any file in it, as pip leaves behind now and then."""
    (tmp_path / "site" / "perdure_ghost-1.0.dist-info").mkdir()
    importlib.invalidate_caches()
    registry = AgentRegistry.load()
    assert "perdure-ghost" not in found(registry)
    assert whole(registry)
