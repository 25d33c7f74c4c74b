"""Commands that look: agents, plugins, doctor, help, completion."""

import subprocess
import sys
from typing import Any

import pytest


def test_agents_shows_parameters_with_types_and_defaults(holdfast: Any) -> None:
    told = holdfast("agents").stdout
    assert "echo  1.0  (holdfast-echo)" in told
    assert "times\tint\t1" in told
    agent = holdfast.json("agents", "echo")["agents"][0]
    assert agent["distribution"] == "holdfast-echo"
    assert agent["parameters"][0]["description"] == "What to say."


def test_plugins_shows_status_hooks_and_reason(holdfast: Any) -> None:
    plugins = {plugin["distribution"]: plugin for plugin in holdfast.json("plugins")["plugins"]}
    assert plugins["holdfast-echo"]["status"] == "loaded"
    assert plugins["holdfast-echo"]["hooks"] == ["register_agents"]
    denied = holdfast.json("plugins", HOLDFAST_PLUGINS_DENY="holdfast-echo")["plugins"]
    assert {plugin["status"] for plugin in denied} == {"denied"}


def test_doctor_finds_every_part(holdfast: Any) -> None:
    report = holdfast.json("doctor")
    parts = {check["part"]: check for check in report["checks"]}
    assert report["ok"]
    assert parts["Temporal binary"]["version"]
    assert parts["stores"]["where"].startswith("sqlite")
    assert "found" in holdfast("doctor").stdout


def test_doctor_ends_with_1_and_says_what_to_do(holdfast: Any) -> None:
    report = holdfast.json("doctor", status=1, TEMPORAL_ADDRESS="127.0.0.1:1")
    parts = {check["part"]: check for check in report["checks"]}
    assert not parts["Temporal server"]["found"]
    assert "TEMPORAL_ADDRESS" in parts["Temporal server"]["advice"]


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["run"],
        ["dev"],
        ["worker"],
        ["api"],
        ["goals"],
        ["approvals"],
        ["agents"],
        ["plugins"],
        ["doctor"],
    ]
    + [["goals", name] for name in ("list", "show", "watch", "result", "cancel", "pause", "resume")]
    + [["goals", name] for name in ("terminate", "signal", "retry", "dead-letters")]
    + [["approvals", name] for name in ("list", "show", "approve", "refuse")]
    + [["plugins", name] for name in ("new", "check")],
)
def test_every_command_helps_and_speaks_json(holdfast: Any, command: list[str]) -> None:
    done = holdfast(*command, "--help")
    assert done.returncode == 0
    if command not in ([], ["goals"]):
        assert "--json" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'temporalio', 'sqlalchemy', 'fastapi', 'pydantic', 'rich', 'alembic', 'structlog'}"
    code = f"import sys, holdfast.cli.main; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_shell_completes_agents(holdfast: Any) -> None:
    done = holdfast(
        _HOLDFAST_COMPLETE="bash_complete", COMP_WORDS="holdfast run ec", COMP_CWORD="2"
    )
    assert done.stdout == "plain,echo\n"
