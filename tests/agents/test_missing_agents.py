"""Agents that are not there: names that several plugins claim, and what an error says of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.agents import AgentFactory, AgentSpec, Goal, Result, Run, UnknownAgent
from perdure.agents.plugins.registry import AgentRegistry
from perdure.schemas.plugins import Plugin
from perdure.settings import Settings
from tests.support.plugins import registry_of

HEAD = """
from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl

async def work(run: Run, goal: Goal) -> Result: ...

class Ear:
    async def on_event(self, event): ...

@hookimpl
def register_agents():
    return [AgentSpec(name=name, description="Works.", agent=work) for name in {names}]
"""
OBSERVERS = """
@hookimpl
def register_observers():
    return [Ear()]
"""


@pytest.fixture(autouse=True)
def _only_test_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = ["research", "code", "analysis", "document", "teams"]
    monkeypatch.setenv("PERDURE_PLUGINS_DENY", ",".join(f"perdure-{name}" for name in bundled))


async def work(run: Run, goal: Goal) -> Result:
    return Result()


def specification(name: str) -> AgentSpec:
    return AgentSpec(name=name, description="Works.", agent=work)


def found(registry: AgentRegistry) -> dict[str, Plugin]:
    return {plugin.distribution: plugin for plugin in registry.plugins}


def message_for(registry: AgentRegistry, name: str) -> str:
    with pytest.raises(UnknownAgent) as raised:
        AgentFactory.create(name, registry=registry)
    return str(raised.value)


def test_a_claimed_name_is_lost_to_both_and_nothing_else_is(
    install_plugin: Callable[..., None],
) -> None:
    install_plugin("q-one", HEAD.format(names=["acme"]))
    install_plugin("q-two", HEAD.format(names=["acme", "other"]) + OBSERVERS)
    registry = AgentRegistry.load()
    reason = (
        "agent name 'acme' is claimed by q-one and q-two: uninstall one, or name one in"
        " PERDURE_PLUGINS_DENY"
    )
    one, two = found(registry)["q-one"], found(registry)["q-two"]
    assert (one.status, one.reason, one.agents, one.claims) == ("failed", reason, (), ("acme",))
    assert (two.status, two.warnings, two.agents) == ("loaded", (reason,), ("other",))
    assert list(registry.agents) == ["other"]
    assert [type(observer).__name__ for observer in registry.observers] == ["Ear"]
    assert message_for(registry, "acme") == (
        "agent 'acme' is left out, for q-one 1.0 and q-two 1.0 claim that name: uninstall one, or"
        " name one in PERDURE_PLUGINS_DENY"
    )
    denied = Settings(plugins_deny=("q-one",))
    assert set(AgentRegistry.load(denied).agents) >= {"acme", "other"}


def test_observers_stay_when_every_name_is_claimed(install_plugin: Callable[..., None]) -> None:
    for name in ("q-one", "q-three", "q-two"):
        install_plugin(name, HEAD.format(names=["a", "b"]) + OBSERVERS)
    registry = AgentRegistry.load()
    assert len(registry.observers) == 3
    (warning,) = found(registry)["q-two"].warnings
    assert warning == (
        "agent names 'a' and 'b' are claimed by q-one, q-three and q-two: uninstall all but one, or"
        " name all but one in PERDURE_PLUGINS_DENY"
    )
    assert not registry.agents


def test_an_agent_whose_plugin_failed_is_missing_for_that_reason(
    install_plugin: Callable[..., None],
) -> None:
    install_plugin("perdure-bad-import", "import barometer")
    registry = AgentRegistry.load()
    reason = found(registry)["perdure-bad-import"].reason
    assert message_for(registry, "bad-import") == (
        f"no agent 'bad-import' is there, for plugin perdure-bad-import 1.0 is left out: {reason}"
    )
    assert "plugin perdure-bad-import 1.0 is left out, and perdure plugins says why" in (
        message_for(registry, "other")
    )


def test_an_agent_whose_plugin_is_denied_is_missing_for_that_reason() -> None:
    registry = AgentRegistry(
        plugins=(Plugin("perdure-okapi", "2.0", "perdure_okapi", "denied", reason="it must not"),)
    )
    assert message_for(registry, "okapi") == (
        "no agent 'okapi' is there, for plugin perdure-okapi 2.0 is left out: it must not"
    )


def test_what_ran_last_is_not_said_to_be_gone_when_its_name_is_claimed(
    install_plugin: Callable[..., None],
) -> None:
    install_plugin("q-one", HEAD.format(names=["acme"]))
    install_plugin("q-two", HEAD.format(names=["acme", "other"]))
    error = AgentRegistry.load().unknown_agent("acme", last_version="q-two 1.0")
    assert "q-one 1.0 and q-two 1.0 claim that name" in str(error)


def test_of_very_many_agents_the_nearest_are_named_and_the_others_counted() -> None:
    specs = [specification(f"agent-{number}") for number in range(10_000)]
    registry = registry_of(specification("research"), *specs)
    message = message_for(registry, "reserch")
    assert message == (
        "no agent 'reserch' is installed: choose one of research, or of 10000 more, which perdure"
        " agents lists"
    )
    assert message_for(registry, "zzz") == (
        "no agent 'zzz' is installed: choose one of agent-0, agent-1, agent-10, or of 9998 more,"
        " which perdure agents lists"
    )


def test_a_file_that_claims_an_installed_agent_is_listed_with_both(
    install_plugin: Callable[..., None], tmp_path: Path
) -> None:
    install_plugin("q-one", HEAD.format(names=["acme"]))
    path = tmp_path / "c.py"
    path.write_text(HEAD.format(names=["acme", "mine"]))
    registry = AgentRegistry.load(Settings(plugin_files=(path,)))
    file = found(registry)["c.py"]
    assert (file.status, file.claims) == ("failed", ("acme",))
    assert file.reason == (
        "agent name 'acme' is claimed by q-one already: choose another, or leave that one out,"
        " PERDURE_PLUGINS_DENY=q-one"
    )
    assert registry.agent("acme").distribution == "q-one"
