"""Plugins: found through entry points, loaded each on its own, refused with a reason."""

from collections.abc import Callable

import pytest

from perdure.agents.plugins.registry import AgentRegistry, Plugin, UnknownAgent
from perdure.settings import Settings

GOOD = """
from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl

async def greet(run: Run, goal: Goal) -> Result:
    return Result(summary="hello")

@hookimpl
def register_agents():
    return [AgentSpec(name="greeter", description="Greets.", agent=greet)]
"""


@pytest.fixture(autouse=True)
def _only_test_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = ["research", "code", "analysis", "document"]
    denied = ",".join(f"perdure-{name}" for name in bundled)
    monkeypatch.setenv("PERDURE_PLUGINS_DENY", denied)


def plugin(registry: AgentRegistry, distribution: str) -> Plugin:
    return next(one for one in registry.plugins if one.distribution == distribution)


def test_a_plugin_brings_its_agent(install_plugin: Callable[..., None]) -> None:
    install_plugin("perdure-greeter", GOOD, version="2.1")
    registry = AgentRegistry.load()
    found = plugin(registry, "perdure-greeter")
    assert (found.status, found.version, found.hooks) == ("loaded", "2.1", ("register_agents",))
    assert registry.agent("greeter").agent_version == "perdure-greeter 2.1"


def test_two_plugins_that_claim_one_name_are_both_disabled(
    install_plugin: Callable[..., None],
) -> None:
    install_plugin("perdure-one", GOOD)
    install_plugin("perdure-two", GOOD)
    registry = AgentRegistry.load()
    for name in ("perdure-one", "perdure-two"):
        reason = plugin(registry, name).reason
        assert "perdure-one" in reason
        assert "perdure-two" in reason
    with pytest.raises(UnknownAgent):
        registry.agent("greeter")


@pytest.mark.parametrize(
    ("allow", "deny", "loaded"),
    [
        ("", "", True),
        ("perdure_greeter", "", True),
        ("other", "", False),
        ("", "Perdure.Greeter", False),
    ],
)
def test_allow_and_deny_lists(
    allow: str, deny: str, loaded: bool, install_plugin: Callable[..., None]
) -> None:
    install_plugin("perdure-greeter", GOOD)
    settings = Settings.model_validate({"plugins_allow": allow, "plugins_deny": deny})
    registry = AgentRegistry.load(settings)
    greeter = plugin(registry, "perdure-greeter")
    assert (greeter.status == "loaded") is loaded
    if not loaded:
        assert greeter.status == "denied"
        assert "PERDURE_PLUGINS" in greeter.reason


def test_an_unknown_agent_names_those_that_exist(install_plugin: Callable[..., None]) -> None:
    install_plugin("perdure-greeter", GOOD)
    with pytest.raises(UnknownAgent, match="choose one of greeter"):
        AgentRegistry.load().agent("grater")
