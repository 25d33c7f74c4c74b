"""Plugins that are wrong on purpose: each is refused with its sentence, and hurts no other.

Every folder of ``bad_plugins`` is a distribution as pip would have installed it, with the sentence
that ``perdure plugins`` is to show in ``expected.txt``.
"""

import gc
import importlib
import json
import locale
import logging
import os
import re
import resource
import socket
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perdure.agents.plugins.distributions.candidate import Candidate
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.loading.load_plugin import load_plugin
from perdure.agents.plugins.registry import AgentRegistry
from perdure.agents.plugins.trial.survey import survey_beforehand
from perdure.schemas.plugins import Plugin
from perdure.settings import Settings
from perdure.version import core_version
from tests.support.processes import is_running
from tests.support.until import until

FOLDER = Path(__file__).with_name("bad_plugins")
NAMES = sorted(path.name for path in FOLDER.iterdir())
ENDLESS = {"endless", "keeps-the-interpreter-lock", "slow-hook"}
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
    bundled = ("research", "code", "analysis", "document", "teams")
    denied = ",".join(f"perdure-{name}" for name in bundled)
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
    seconds = 5 if name in ENDLESS else 60
    registry = AgentRegistry.load(Settings(plugin_import_seconds=seconds))
    bad = found(registry)[f"perdure-{name}"]
    expected = (FOLDER / name / "expected.txt").read_text().strip()
    said = expected.format(core=core_version(), json=json.__file__, status="0")
    # Which status a process ends with that has lost its files differs from time to time.
    reason = re.sub(r"status \d+", "status 0", bad.reason) if "{status}" in expected else bad.reason
    assert (bad.status, reason) == ("failed", said)
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
    "import io, sys; sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding='utf-8')": (
        "replaced sys.stdout, which was undone: leave it as it is"
    ),
    "import codecs, sys; sys.stdout = codecs.getwriter('utf-8')(sys.stdout.detach())": (
        "replaced sys.stdout, which was undone: leave it as it is"
    ),
    "import io, sys; sys.stderr = io.TextIOWrapper(sys.stderr.buffer, encoding='utf-8')": (
        "replaced sys.stderr, which was undone: leave it as it is"
    ),
    "import logging; logging.disable(logging.CRITICAL)": (
        "disabled logging, which was undone: set the level of a logger of your own"
    ),
    "import warnings; warnings.simplefilter('error')": (
        "changed how everybody's warnings are treated, which was undone: filter those of your own"
        " module, in warnings.catch_warnings()"
    ),
    "import warnings; warnings.resetwarnings()": (
        "changed how everybody's warnings are treated, which was undone: filter those of your own"
        " module, in warnings.catch_warnings()"
    ),
    "import os; os.environ['TEMPORAL_ADDRESS'] = 'elsewhere:7233'": (
        "changed TEMPORAL_ADDRESS in the environment, which was undone: set that before perdure"
        " starts, or in the agent"
    ),
    "import os; del os.environ['PERDURE_HOME']; os.environ['PATH'] = ''": (
        "changed PATH, PERDURE_HOME in the environment, which was undone: set that before perdure"
        " starts, or in the agent"
    ),
    "import os; os.environ['OKAPI_KEY'] = 'secret'": (
        "set OKAPI_KEY in the environment, which stays: set that in the agent, or before perdure"
        " starts"
    ),
    "import socket; socket.setdefaulttimeout(0.001)": (
        "set the time limit of every socket, which was undone: set that of your own"
    ),
    "import sys; sys.excepthook = print": (
        "replaced sys.excepthook, which was undone: leave it to the program"
    ),
    "import os; os.umask(0o777)": (
        "changed the permissions of new files (umask), which was undone: give those of your own"
        " files a mode"
    ),
    "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (64, r.getrlimit(r.RLIMIT_NOFILE)[1]))": (
        "changed the limits of the process, which was undone: set those of the processes that the"
        " agent starts"
    ),
    "import locale; locale.setlocale(locale.LC_ALL, 'C')": (
        "changed the locale, which was undone: format numbers and dates without it"
    ),
    "import builtins; builtins.print = lambda *values, **options: None": (
        "replaced functions that Python brings, which was undone: give yours other names"
    ),
}


def process_state() -> object:
    return (
        sys.stdout,
        sys.stderr,
        Path.cwd(),
        logging.root.level,
        list(logging.root.handlers),
        logging.root.manager.disable,
        list(warnings.filters),
        {name: value for name, value in os.environ.items() if name != "OKAPI_KEY"},
        socket.getdefaulttimeout(),
        sys.excepthook,
        os.umask(os.umask(0o022)),
        resource.getrlimit(resource.RLIMIT_NOFILE),
        locale.setlocale(locale.LC_ALL),
        print,
    )


@pytest.mark.parametrize("rude", RUDE)
def test_what_a_rude_plugin_does_to_everybody_is_undone(
    rude: str,
    install_plugin: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OKAPI_KEY", "")  # and deleted afterwards
    monkeypatch.delenv("OKAPI_KEY")
    before = process_state()
    source = NEIGHBOURS["perdure-aardvark"].replace("aardvark", "rude")
    install_plugin("perdure-rude", f"{rude}\n{source}")
    registry = AgentRegistry.load()
    plugin = found(registry)["perdure-rude"]
    assert plugin.status == "loaded"
    assert plugin.warnings == (f"loading perdure_rude {RUDE[rude]}",)
    assert process_state() == before
    gc.collect()  # a wrapper that is freed closes what it wraps
    print("ours")
    print("ours", file=sys.stderr)
    captured = capsys.readouterr()
    assert captured.out == "ours\n"
    assert captured.err.endswith("ours\n")


def test_what_an_endless_import_prints_later_stays_off_stdout(
    install_plugin: Callable[..., None],
    capfd: pytest.CaptureFixture[str],
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
    # As where no other process can be started: a trial would have ended it.
    with pytest.raises(PluginError, match="took longer than 2 s"):
        load_plugin(Candidate("perdure-late", "1.0", "perdure_late"), 2)
    go.touch()
    until(gone.exists, "the end of the import")
    print("ours")
    captured = capfd.readouterr()
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


def test_what_describes_an_agent_is_shown_in_one_line_that_steers_no_terminal(
    install_plugin: Callable[..., None],
) -> None:
    from perdure.agents.description import describe_agents

    text = r"Tells\x1b[31m\r\n\nOptions:\n  --all \u202e\0 naïve 👩\u200d🔬"
    source = f"""
from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl
from pydantic import BaseModel, Field

class Parameters(BaseModel):
    city: str = Field("\\u202eOslo", description="{text}")

async def okapi(run: Run, goal: Goal, parameters: Parameters) -> Result: ...

@hookimpl
def register_agents():
    return [AgentSpec(
        name="okapi", description="{text}", examples=("{text}",), agent=okapi, parameters=Parameters
    )]
"""
    install_plugin("perdure-okapi", source)
    (okapi,) = describe_agents(AgentRegistry.load(), only="okapi").agents
    shown = "Tells\\x1b[31m Options: --all \\u202e\\x00 naïve 👩\u200d🔬"
    (city,) = okapi.parameters
    assert (okapi.description, okapi.examples, city.description) == (shown, [shown], shown)
    assert city.default == '"\\u202eOslo"'


COUNTED = """
from pathlib import Path
with Path({file!r}).open("a") as file:
    file.write("x")
"""


def test_what_loaded_well_is_tried_again_only_when_a_file_changes(
    install_plugin: Callable[..., None], tmp_path: Path
) -> None:
    imports = tmp_path / "imports"
    source = COUNTED.format(file=str(imports)) + NEIGHBOURS["perdure-aardvark"]
    install_plugin("perdure-okapi", source.replace("aardvark", "okapi"))
    module = tmp_path / "site" / "perdure_okapi.py"
    counts = []
    for change in (False, False, True, False):
        if change:
            module.write_text(module.read_text() + "\n# changed\n")
        sys.modules.pop("perdure_okapi", None)
        imports.write_text("")
        assert "okapi" in AgentRegistry.load().agents
        counts.append(len(imports.read_text()))
    assert counts == [2, 1, 2, 1]


HANGING = """
import os, time
from pathlib import Path
Path({file!r}).write_text(str(os.getpid()))
time.sleep(300)
"""


def test_what_was_tried_beforehand_is_not_tried_again(
    install_plugin: Callable[..., None], tmp_path: Path
) -> None:
    imports = tmp_path / "imports"
    source = COUNTED.format(file=str(imports)) + NEIGHBOURS["perdure-aardvark"]
    install_plugin("perdure-quoll", source.replace("aardvark", "quoll"))
    with survey_beforehand(Settings()):
        until(lambda: imports.exists() and imports.read_text() == "x")
        assert "quoll" in AgentRegistry.load().agents
        assert imports.read_text() == "xx"
        assert "quoll" in AgentRegistry.load().agents


def test_a_command_that_ends_meanwhile_ends_the_trial(
    install_plugin: Callable[..., None], tmp_path: Path
) -> None:
    place = tmp_path / "pid"
    install_plugin("perdure-numbat", HANGING.format(file=str(place)))
    with survey_beforehand(Settings(plugin_import_seconds=200)):
        until(lambda: place.exists() and place.read_text() != "")
        assert is_running(int(place.read_text()))
    until(lambda: not is_running(int(place.read_text())))
