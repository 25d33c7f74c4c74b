"""A plugin looked at from within a fresh process: ``python -m perdure.testing.checks.probing``.

It prints one line of JSON at the end, and nothing that the plugin prints can be taken for it.
"""

import importlib
import json
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from pydantic import JsonValue

MARK: Final = "perdure-probe "


@dataclass(frozen=True, slots=True)
class Described:
    """A plugin as a fresh process sees it.

    Attributes:
        seconds: How long its import took, after the core's.
        status: As ``perdure plugins`` shows it.
        reason: Why it is not loaded.
        hooks: The hooks it implements.
        agents: Its agents, as ``perdure agents --json`` shows them.
        undescribed: Why they cannot be described.
    """

    seconds: float
    status: str
    reason: str
    hooks: tuple[str, ...] = ()
    agents: tuple[dict[str, Any], ...] = field(default=())
    undescribed: str = ""


def describe(distribution: str, module: str) -> Described:
    """Load one plugin, and no other."""
    from perdure.agents.description import describe_agents
    from perdure.agents.plugins.registry import AgentRegistry
    from perdure.settings import Settings

    started = time.perf_counter()
    with suppress(BaseException):  # the registry says it in a sentence
        importlib.import_module(module)
    seconds = round(time.perf_counter() - started, 3)
    settings = Settings(plugins_allow=(distribution,), plugins_deny=())
    registry = AgentRegistry.load(settings)
    plugin = next(one for one in registry.plugins if one.distribution == distribution)
    try:
        agents = tuple(
            one.model_dump(mode="json")
            for one in describe_agents(registry).agents
            if one.name in plugin.agents
        )
    except Exception as error:  # noqa: BLE001 -- whatever a model's schema raises
        undescribed = f"{type(error).__name__}: {error}".splitlines()[0]
        return Described(
            seconds, plugin.status, plugin.reason, plugin.hooks, undescribed=undescribed
        )
    return Described(seconds, plugin.status, plugin.reason, plugin.hooks, agents)


def try_contract(agent: str, description: str) -> dict[str, str]:
    """Run the contract with an agent's example; returns by test why it failed, or nothing."""
    from perdure.testing.contracts.broken import BrokenContract
    from perdure.testing.contracts.contract import AgentContract

    given: Mapping[str, JsonValue] = {"agent": agent, "description": description}
    contract = type("TestInstalled", (AgentContract,), dict(given))()
    outcomes = {}
    for name in contract_tests():
        try:
            getattr(contract, name)()
        except BrokenContract as broken:
            outcomes[name] = str(broken)
        else:
            outcomes[name] = ""
    return outcomes


def contract_tests() -> list[str]:
    """Return the names of the contract's tests."""
    from perdure.testing.contracts.contract import AgentContract

    return [name for name in vars(AgentContract) if name.startswith("test_")]


def main(arguments: list[str]) -> None:
    """Look at a plugin, or try one of its agents, and print what was seen."""
    what, first, second = arguments
    seen: object = (
        asdict(describe(first, second)) if what == "describe" else try_contract(first, second)
    )
    sys.stdout.write(f"\n{MARK}{json.dumps(seen)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
