"""Commands that inspect an installation: agents, plugins, doctor, help, completion."""

import subprocess
import sys
from typing import Any

import pytest


def test_agents_shows_parameters_with_types_and_defaults(perdure: Any) -> None:
    output = perdure("agents").stdout
    assert "echo  1.0  (perdure-echo)" in output
    assert "times\tint\t1" in output
    agent = perdure.json("agents", "echo")["agents"][0]
    assert agent["distribution"] == "perdure-echo"
    assert agent["parameters"][0]["description"] == "What to say."


def test_plugins_shows_status_hooks_and_reason(perdure: Any) -> None:
    plugins = {plugin["distribution"]: plugin for plugin in perdure.json("plugins")["plugins"]}
    assert plugins["perdure-echo"]["status"] == "loaded"
    assert plugins["perdure-echo"]["hooks"] == ["register_agents"]
    denied = perdure.json("plugins", PERDURE_PLUGINS_DENY="perdure-echo")["plugins"]
    assert {plugin["status"] for plugin in denied} == {"denied"}


def test_doctor_finds_every_part(perdure: Any) -> None:
    report = perdure.json("doctor")
    parts = {check["part"]: check for check in report["checks"]}
    assert report["ok"]
    assert parts["Temporal binary"]["version"]
    assert parts["stores"]["where"].startswith("sqlite")
    assert "found" in perdure("doctor").stdout


def test_doctor_ends_with_1_and_says_what_to_do(perdure: Any) -> None:
    report = perdure.json("doctor", status=1, TEMPORAL_ADDRESS="127.0.0.1:1")
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
def test_every_command_has_help_and_json(perdure: Any, command: list[str]) -> None:
    done = perdure(*command, "--help")
    assert done.returncode == 0
    if command not in ([], ["goals"]):
        assert "--json" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'temporalio', 'sqlalchemy', 'fastapi', 'pydantic', 'rich', 'alembic', 'structlog'}"
    code = f"import sys, perdure.cli.main; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_shell_completes_agents(perdure: Any) -> None:
    done = perdure(_PERDURE_COMPLETE="bash_complete", COMP_WORDS="perdure run ec", COMP_CWORD="2")
    assert done.stdout == "plain,echo\n"
