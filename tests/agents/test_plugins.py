"""Plugins: found through entry points, loaded each on its own, refused with a reason."""

import re
from collections.abc import Callable

import pytest

from holdfast.agents.registry import AgentRegistry, Plugin, UnknownAgent
from holdfast.settings import Settings

GOOD = """
from holdfast.agents import AgentSpec, Goal, Result, Run, hookimpl

async def greet(run: Run, goal: Goal) -> Result:
    return Result(summary="hello")

@hookimpl
def register_agents():
    return [AgentSpec(name="greeter", description="Greets.", agent=greet)]
"""


@pytest.fixture(autouse=True)
def _only_test_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = ["research", "code", "analysis", "document"]
    denied = ",".join(f"holdfast-{name}" for name in bundled)
    monkeypatch.setenv("HOLDFAST_PLUGINS_DENY", denied)


def plugin(registry: AgentRegistry, distribution: str) -> Plugin:
    return next(one for one in registry.plugins if one.distribution == distribution)


def test_a_plugin_brings_its_agent(install_plugin: Callable[..., None]) -> None:
    install_plugin("holdfast-greeter", GOOD, version="2.1")
    registry = AgentRegistry.load()
    found = plugin(registry, "holdfast-greeter")
    assert (found.status, found.version, found.hooks) == ("loaded", "2.1", ("register_agents",))
    assert registry.agent("greeter").agent_version == "holdfast-greeter 2.1"


HALF = """
from holdfast.agents import Agent, AgentSpec, hookimpl

class Half(Agent[None]):
    async def get_results(self): ...

@hookimpl
def register_agents():
    return [AgentSpec(name="half", description="", agent=Half)]
"""
BAD = {
    "raises": ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
    "exits": ("import sys; sys.exit(3)", r"called sys\.exit\(3\)"),
    "imports-nothing": ("import no_such_module_here", "ModuleNotFoundError"),
    "no-hook": ("x = 1", "implements no hook"),
    "misspelt": (
        "from holdfast.agents import hookimpl\n@hookimpl\ndef register_agent(): return []",
        "'register_agent', which is no hook, did you mean register_agents",
    ),
    "extra-argument": (
        "from holdfast.agents import hookimpl\n@hookimpl\ndef register_agents(config): return []",
        "config",
    ),
    "returns-a-name": (
        "from holdfast.agents import hookimpl\n@hookimpl\ndef register_agents(): return 'greeter'",
        "register_agents returned str: return a list of AgentSpec",
    ),
    "returns-names": (
        "from holdfast.agents import hookimpl\n@hookimpl\ndef register_agents(): return ['a']",
        "every item must be a AgentSpec",
    ),
    "bad-name": (GOOD.replace('"greeter"', '"The Greeter"'), "lower-case words joined by hyphens"),
    "not-async": (
        GOOD.replace("async def", "def"),
        "must be a subclass of .* or an async function",
    ),
    "half-a-class": (
        HALF,
        "must define execute_streaming",
    ),
    "twice": (
        GOOD.replace("return [", "return 2 * ["),
        "registers agent 'greeter' twice",
    ),
    "blind-observer": (
        "from holdfast.agents import hookimpl\n@hookimpl\ndef register_observers(): return [1]",
        "without an async method on_event",
    ),
}


@pytest.mark.parametrize("kind", sorted(BAD))
def test_a_bad_plugin_says_why_and_hurts_no_other(
    kind: str, install_plugin: Callable[..., None]
) -> None:
    source, reason = BAD[kind]
    install_plugin("holdfast-neighbour", GOOD.replace("greeter", "neighbour"))
    install_plugin(f"holdfast-{kind}", source)
    registry = AgentRegistry.load()
    bad = plugin(registry, f"holdfast-{kind}")
    assert bad.status == "failed"
    assert re.search(reason, bad.reason), bad.reason
    assert "\n" not in bad.reason
    assert list(registry.agents) == ["neighbour"]


def test_an_import_that_never_ends_costs_only_its_limit(
    install_plugin: Callable[..., None],
) -> None:
    install_plugin("holdfast-neighbour", GOOD.replace("greeter", "neighbour"))
    install_plugin("holdfast-sleepy", "import threading\nthreading.Event().wait(30)")
    registry = AgentRegistry.load(Settings(plugin_import_seconds=0.2))
    assert "took longer than 0.2 s" in plugin(registry, "holdfast-sleepy").reason
    assert "neighbour" in registry.agents


def test_a_plugin_for_another_core_is_refused_before_it_is_imported(
    install_plugin: Callable[..., None],
) -> None:
    install_plugin("holdfast-old", "raise SystemExit('imported')", requires="holdfast<0.1")
    old = plugin(AgentRegistry.load(), "holdfast-old")
    assert old.status == "failed"
    assert "needs holdfast <0.1" in old.reason
    assert "upgrade" in old.reason


def test_two_plugins_that_claim_one_name_are_both_disabled(
    install_plugin: Callable[..., None],
) -> None:
    install_plugin("holdfast-one", GOOD)
    install_plugin("holdfast-two", GOOD)
    registry = AgentRegistry.load()
    for name in ("holdfast-one", "holdfast-two"):
        reason = plugin(registry, name).reason
        assert "holdfast-one" in reason
        assert "holdfast-two" in reason
    with pytest.raises(UnknownAgent):
        registry.agent("greeter")


@pytest.mark.parametrize(
    ("allow", "deny", "loaded"),
    [
        ("", "", True),
        ("holdfast_greeter", "", True),
        ("other", "", False),
        ("", "Holdfast.Greeter", False),
    ],
)
def test_allow_and_deny_lists(
    allow: str, deny: str, loaded: bool, install_plugin: Callable[..., None]
) -> None:
    install_plugin("holdfast-greeter", GOOD)
    settings = Settings.model_validate({"plugins_allow": allow, "plugins_deny": deny})
    registry = AgentRegistry.load(settings)
    greeter = plugin(registry, "holdfast-greeter")
    assert (greeter.status == "loaded") is loaded
    if not loaded:
        assert greeter.status == "denied"
        assert "HOLDFAST_PLUGINS" in greeter.reason


def test_an_unknown_agent_names_those_that_exist(install_plugin: Callable[..., None]) -> None:
    install_plugin("holdfast-greeter", GOOD)
    with pytest.raises(UnknownAgent, match="choose one of greeter"):
        AgentRegistry.load().agent("grater")
