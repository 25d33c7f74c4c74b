"""Loads a plugin in a fresh process: ``python -m perdure.testing.checks.probe``.

It prints one line of JSON at the end, and nothing that the plugin prints can be taken for it.
"""

import json
import sys
from dataclasses import asdict, dataclass, field
from typing import Any, Final

MARK: Final = "perdure-probe "


@dataclass(frozen=True, slots=True)
class PluginDescription:
    """A plugin as a fresh process loads it.

    Attributes:
        seconds: How long its import took, after the core's.
        status: As ``perdure plugins`` shows it.
        reason: Why it is not loaded.
        hooks: The hooks it implements.
        agents: Its agents, as ``perdure agents --json`` shows them.
        schema_error: Why they cannot be described.
    """

    seconds: float
    status: str
    reason: str
    hooks: tuple[str, ...] = ()
    agents: tuple[dict[str, Any], ...] = field(default=())
    schema_error: str = ""


def describe_plugin(distribution: str) -> PluginDescription:
    """Load one plugin, and no other, and describe it."""
    from perdure.agents.description import describe_agents
    from perdure.agents.plugins.installed import load_installed
    from perdure.agents.plugins.registry import AgentRegistry
    from perdure.settings import Settings

    installed = load_installed(Settings(plugins_allow=(distribution,), plugins_deny=()))
    registry = AgentRegistry.from_loaded(installed.loaded, installed.unusable)
    seconds = next(
        (
            round(loaded.import_seconds, 3)
            for plugin, loaded in installed.loaded.items()
            if plugin.distribution == distribution
        ),
        0.0,
    )
    plugin = next(one for one in registry.plugins if one.distribution == distribution)
    try:
        agents = tuple(
            one.model_dump(mode="json")
            for one in describe_agents(registry).agents
            if one.name in plugin.agents
        )
    except Exception as error:  # noqa: BLE001 -- whatever a model's schema raises
        schema_error = f"{type(error).__name__}: {error}".splitlines()[0]
        return PluginDescription(
            seconds, plugin.status, plugin.reason, plugin.hooks, schema_error=schema_error
        )
    return PluginDescription(seconds, plugin.status, plugin.reason, plugin.hooks, agents)


def run_contract(agent: str, description: str) -> dict[str, str]:
    """Run the contract with an agent's example; returns by test why it failed, or an empty text."""
    from perdure.testing.contracts.contract import AgentContract
    from perdure.testing.contracts.errors import BrokenContract

    attributes: dict[str, Any] = {"agent": agent, "description": description}
    contract = type("TestInstalled", (AgentContract,), attributes)()
    outcomes = {}
    for name in contract_test_names():
        try:
            getattr(contract, name)()
        except BrokenContract as error:
            outcomes[name] = str(error)
        else:
            outcomes[name] = ""
    return outcomes


def contract_test_names() -> list[str]:
    """Return the names of the contract's tests."""
    from perdure.testing.contracts.contract import AgentContract

    return [name for name in vars(AgentContract) if name.startswith("test_")]


def main(arguments: list[str]) -> None:
    """Describe a plugin, or run the contract of one of its agents, and print the findings."""
    command, *rest = arguments
    findings: object = (
        asdict(describe_plugin(*rest)) if command == "describe" else run_contract(*rest)
    )
    sys.stdout.write(f"\n{MARK}{json.dumps(findings)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
