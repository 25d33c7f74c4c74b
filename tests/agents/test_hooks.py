"""The hooks: each documented, with an example that works, and used; their growth breaks nobody."""

import inspect
import json
import os
import re
import subprocess
import sys
import textwrap
import types
import typing
from collections.abc import Callable
from pathlib import Path

import pluggy
import pytest

from perdure.activities import observers
from perdure.agents import AgentSpec, Event, hookspecs
from perdure.agents.plugins.distributions.candidate import Candidate
from perdure.agents.plugins.distributions.discovery import EVENT_LOG
from perdure.agents.plugins.hooks.caller import PluginHooks
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.hooks.signatures import hooks_of
from perdure.agents.plugins.loading.load_plugin import LoadedPlugin, load_plugin
from perdure.agents.plugins.registry import AgentRegistry
from perdure.settings import Settings
from perdure.version import core_version
from tests.support.until import until_async

HOOKS = hooks_of(hookspecs)


def section(hook: str, name: str) -> str:
    """Return a section of a hook's docstring."""
    found = re.search(
        rf"^{name}:\n(.*?)(?=^\S|\Z)", inspect.getdoc(HOOKS[hook]) or "", re.DOTALL | re.MULTILINE
    )
    assert found, f"the hook {hook} is not documented: its docstring has no section {name}"
    return textwrap.dedent(found[1])


def example(hook: str) -> str:
    return textwrap.dedent(section(hook, "Example").partition("::\n")[2])


def candidate(name: str = "perdure-fake") -> Candidate:
    module = name.replace("-", "_")
    return Candidate(name, "1.0", module)


def load_source(
    source: str, specs: types.ModuleType = hookspecs, arguments: dict[str, object] | None = None
) -> LoadedPlugin:
    """Load a plugin of this source, for a core whose hooks are those of ``specs``."""
    module = types.ModuleType("perdure_fake")

    def import_source() -> types.ModuleType:
        exec(compile(source, "perdure_fake.py", "exec", dont_inherit=True), vars(module))
        return module

    return load_plugin(candidate(), 60, import_source, specs=specs, arguments=arguments)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_documented(hook: str) -> None:
    text = inspect.getdoc(HOOKS[hook]) or ""
    first, _, rest = text.partition("\n")
    assert first.endswith("."), f"the hook {hook} is not documented: say what it is for in one line"
    assert re.search(r"^Since \d+\.\d+\.", rest, re.MULTILINE), f"{hook}: say since when"
    assert section(hook, "Returns").strip()
    arguments = inspect.signature(HOOKS[hook]).parameters
    for name in arguments:
        assert f"{name}:" in section(hook, "Args"), f"{hook}: describe {name}"
    hints = typing.get_type_hints(HOOKS[hook])
    assert hints.keys() == {*arguments, "return"}, f"the hook {hook} is not typed"


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hooks_example_is_a_whole_plugin(hook: str) -> None:
    loaded = load_source(example(hook))
    assert loaded.hooks == (hook,)
    assert not loaded.warnings
    assert loaded.agents or loaded.observers, f"the example of {hook} registers nothing"


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_has_a_method_that_calls_it_and_a_test_of_its_own(hook: str) -> None:
    assert hook in vars(PluginHooks), f"PluginHooks has no method {hook}"
    assert f"test_{hook}" in globals(), f"the hook {hook} is not tested: write test_{hook} here"


@pytest.mark.bundled
@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_has_a_user_that_ships_with_perdure(
    hook: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PERDURE_EVENT_LOG", str(tmp_path / "events.jsonl"))
    registry = AgentRegistry.load()
    plugins = ("research", "code", "analysis", "document", "teams")
    bundled = {"perdure"} | {f"perdure-{name}" for name in plugins}
    users = [p.distribution for p in registry.plugins if hook in p.hooks]
    assert bundled & set(users), f"no plugin that ships with Perdure uses {hook}: take it out"


def test_register_agents() -> None:
    """What it answers is what goals can name."""
    (spec,) = load_source(example("register_agents")).agents
    assert isinstance(spec, AgentSpec)
    assert (spec.name, spec.description) == ("weather", "Tells the weather.")


@pytest.mark.asyncio(loop_scope="session")
async def test_register_observers(
    install_plugin: Callable[..., None],
    install: Callable[..., typing.Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What it answers hears a real goal; those that raise, hang or dawdle hurt it nowhere."""
    monkeypatch.setattr(observers, "OBSERVER_SECONDS", 0.3)
    heard = tmp_path / "heard"
    install_plugin("perdure-ears", EARS.format(heard=str(heard)))
    registry = AgentRegistry.load(Settings(plugins_allow=("perdure-ears",)))
    assert [type(one).__name__ for one in registry.observers] == ["Raising", "Hanging", "Ear"]
    installation = await install(registry.agents["listen"].spec)
    async with observers.run_observers(installation.stores.events, registry.observers):
        workflow_id = await installation.start("listen")
        output, record = await installation.finish(workflow_id)
        assert output.success
        assert record.status == "completed"

        async def has_heard() -> bool:
            return heard.exists() and "run.completed" in heard.read_text()

        await until_async(has_heard, "the last event")
    stored = [event.type for event in await installation.stored_events(workflow_id)]
    assert heard.read_text().split() == stored


EARS = """
import asyncio
from pathlib import Path
from perdure.agents import Goal, Result, Run, agent, hookimpl

@agent
async def listen(run: Run, goal: Goal) -> Result:
    "Does a step."
    await run.step("one", int, 1)
    return Result(summary="done")

class Raising:
    async def on_event(self, event):
        raise RuntimeError("no more paper")

class Hanging:
    async def on_event(self, event):
        await asyncio.Event().wait()

class Ear:
    async def on_event(self, event):
        await asyncio.sleep(0.01)
        with Path("{heard}").open("a") as file:
            file.write(event.type + "\\n")

@hookimpl
def register_agents():
    return [listen]

@hookimpl
def register_observers():
    return [Raising(), Hanging(), Ear()]
"""


# Hooks that grow


def grown(**hooks: str) -> types.ModuleType:
    """Return the hooks of a core that is newer than this one."""
    module = types.ModuleType("newer_hookspecs")
    source = "import pluggy\nhookspec = pluggy.HookspecMarker('perdure')\n" + "\n".join(
        hooks.values()
    )
    exec(compile(source, "newer_hookspecs.py", "exec"), vars(module))
    return module


NEWER = grown(
    agents="@hookspec\ndef register_agents(model, locale): ...",
    observers="@hookspec\ndef register_observers(): ...",
)
ECHOES_ARGUMENTS = """
from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl

async def weather(run: Run, goal: Goal) -> Result:
    return Result(summary="It rains.")

@hookimpl
def register_agents({arguments}):
    received = dict(locals())
    return [AgentSpec(name="weather", description=repr(received), agent=weather)]
"""


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ("", {}),
        ("locale", {"locale": "nb"}),
        ("locale, model", {"locale": "nb", "model": "m"}),
    ],
)
def test_a_plugin_for_an_older_core_is_called_with_the_arguments_it_knows(
    arguments: str, received: dict[str, str]
) -> None:
    source = ECHOES_ARGUMENTS.format(arguments=arguments)
    (spec,) = load_source(source, NEWER, {"model": "m", "locale": "nb"}).agents
    assert spec.description == repr(received)


def test_a_plugin_that_can_do_without_a_newer_argument_works_with_this_core() -> None:
    (spec,) = load_source(ECHOES_ARGUMENTS.format(arguments="locale='en'")).agents
    assert spec.description == repr({"locale": "en"})


def test_a_plugin_that_cannot_do_without_it_is_told_what_to_do() -> None:
    with pytest.raises(PluginError) as refused:
        load_source(ECHOES_ARGUMENTS.format(arguments="locale"))
    assert str(refused.value) == (
        "register_agents in perdure_fake takes the argument 'locale', and the hook of perdure"
        f" {core_version()} takes no arguments: leave it out, give it a default, or require a"
        " perdure that has it"
    )


def test_a_plugin_with_a_hook_of_a_newer_core_is_told_so() -> None:
    source = example("register_agents") + "\n@hookimpl\ndef register_models(): return []\n"
    with pytest.raises(PluginError) as refused:
        load_source(source)
    assert f"perdure {core_version()} has no hook of that name" in str(refused.value)


def test_an_optional_hook_of_a_newer_core_is_passed_over() -> None:
    source = example("register_agents") + (
        "\n@hookimpl(optionalhook=True)\ndef register_models(): return []\n"
    )
    loaded = load_source(source)
    assert ([spec.name for spec in loaded.agents], loaded.hooks) == (
        ["weather"],
        ("register_agents",),
    )


def test_a_deprecated_hook_and_argument_are_told_and_go_on_working(
    capfd: pytest.CaptureFixture[str],
) -> None:
    specs = grown(
        agents="@hookspec(warn_on_impl=DeprecationWarning('register_agents goes in 0.3: use x'))\n"
        "def register_agents(): ...",
        observers="@hookspec(warn_on_impl_args={'loop': DeprecationWarning('loop goes in 0.3')})\n"
        "def register_observers(loop): ...",
    )
    observes = (
        "\nclass Ear:\n    async def on_event(self, event): ...\n"
        "@hookimpl\ndef register_observers(loop): return [Ear()]\n"
    )
    loaded = load_source(example("register_agents") + observes, specs, {"loop": None})
    assert loaded.warnings == (
        "register_agents goes in 0.3: use x (perdure_fake)",
        "loop goes in 0.3 (perdure_fake)",
    )
    assert [spec.name for spec in loaded.agents] == ["weather"]
    assert len(loaded.observers) == 1
    assert capfd.readouterr() == ("", "")


def test_no_plugin_sees_or_stops_another() -> None:
    """Each has a plugin manager of its own."""
    one, two = (PluginHooks(_module(name)) for name in ("one", "two"))
    assert [spec.name for spec in one.register_agents()] == ["one"]
    assert [spec.name for spec in two.register_agents()] == ["two"]


def _module(name: str) -> types.ModuleType:
    module = types.ModuleType(f"perdure_{name}")
    exec(example("register_agents").replace("weather", name), vars(module))
    assert isinstance(hookspecs.hookimpl, pluggy.HookimplMarker)
    return module


# The core's own observer


def test_the_event_log_is_a_plugin_like_any_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = tmp_path / "deep" / "events.jsonl"
    assert not [p for p in AgentRegistry.load().plugins if p.module == EVENT_LOG]
    monkeypatch.setenv("PERDURE_EVENT_LOG", str(log))
    registry = AgentRegistry.load()
    (plugin,) = (p for p in registry.plugins if p.module == EVENT_LOG)
    assert (plugin.status, plugin.hooks, plugin.distribution) == (
        "loaded",
        ("register_observers",),
        "perdure",
    )
    assert log.read_text() == ""
    monkeypatch.setenv("PERDURE_EVENT_LOG", str(log / "below-a-file"))
    (plugin,) = (p for p in AgentRegistry.load().plugins if p.module == EVENT_LOG)
    assert plugin.status == "failed"
    assert "set PERDURE_EVENT_LOG to a file that can" in plugin.reason


@pytest.mark.asyncio(loop_scope="session")
async def test_the_event_log_holds_every_event_of_a_goal(
    install: Callable[..., typing.Any],
    install_plugin: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    log = tmp_path / "events.jsonl"
    monkeypatch.setenv("PERDURE_EVENT_LOG", str(log))
    install_plugin("perdure-weather", example("register_agents"))
    registry = AgentRegistry.load(Settings(plugins_allow=("perdure-weather",)))
    installation = await install(registry.agents["weather"].spec)
    async with observers.run_observers(installation.stores.events, registry.observers):
        workflow_id = await installation.start("weather")
        await installation.finish(workflow_id)

        async def is_whole() -> bool:
            return "run.completed" in log.read_text()

        await until_async(is_whole, "the last event")
    logged = [Event.model_validate_json(line) for line in log.read_text().splitlines()]
    assert logged == await installation.stored_events(workflow_id)


def test_several_workers_share_an_event_log_without_tearing_a_line(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    code = (
        "import asyncio, datetime, sys\n"
        "from pathlib import Path\n"
        "from perdure.agents import Event\n"
        "from perdure.agents.plugins.event_log import EventLog\n"
        "async def main():\n"
        "    log = EventLog(Path(sys.argv[1]))\n"
        "    for number in range(1, 201):\n"
        "        await log.on_event(Event(workflow_id=sys.argv[2], number=number,\n"
        "            type='text.delta', data={'text': 'x' * 5000},\n"
        "            time=datetime.datetime.now(datetime.UTC)))\n"
        "asyncio.run(main())\n"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", code, str(log), name], env=dict(os.environ))
        for name in ("one", "two")
    ]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for name in ("one", "two"):
        numbers = [line["number"] for line in lines if line["workflow_id"] == name]
        assert numbers == list(range(1, 201))
