"""The audit trail of a server, exported and verified from another machine."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.support.audit_keys import write_keys
from tests.support.command_line import CommandLine, Dev
from tests.support.until import until


def test_a_servers_trail_is_exported_and_verified_elsewhere(
    perdure: CommandLine, start_dev: Callable[..., Dev], tmp_path: Path
) -> None:
    private, public = write_keys(tmp_path)
    perdure.environment["PERDURE_AUDIT_KEY"] = str(private)
    there = ("--server", start_dev().document["api_url"])
    run = perdure.json(*there, "run", "echo", "Say", "-p", "text=moss")["workflow_id"]
    elsewhere = perdure.environment | {"PERDURE_HOME": str(tmp_path / "auditor")}
    del elsewhere["PERDURE_AUDIT_KEY"]
    auditor = CommandLine(tmp_path, elsewhere)
    file = tmp_path / "trail.jsonl"

    def is_exported() -> bool:
        perdure("audit", "seal")
        shown = auditor.json(*there, "audit", "export", str(file))
        assert shown["bytes"] == file.stat().st_size
        return shown["seals"] > 0 and f'"subject":"{run}"' in file.read_text()

    until(is_exported, "an export with the goal")
    found = auditor.json("audit", "verify", str(file), "--public-key", str(public))
    assert found["holds"]
    assert found["withheld"] == 0
    assert not (tmp_path / "trail.jsonl.part").exists()

    # To stdout: lines of JSON and nothing else, which another process verifies as they come.
    printed = auditor(*there, "audit", "export", "-")
    assert printed.returncode == 0, printed.stderr
    lines = [json.loads(line) for line in printed.stdout.splitlines()]
    assert lines[0]["export"] == "perdure audit trail"
    assert "seal" in lines[-1]
    verified = subprocess.run(
        [
            *(sys.executable, "-m", "perdure.cli", "audit", "verify", "-", "--json"),
            *("--public-key", str(public)),
        ],
        input=printed.stdout,
        env=auditor.environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    assert json.loads(verified.stdout)["holds"]
    assert json.loads(verified.stdout)["facts"] == sum("hash" in line for line in lines)
    assert not (tmp_path / "auditor").exists(), "an auditor needs no installation"
    auditor.end()


def test_what_cannot_be_exported_is_said(perdure: CommandLine, tmp_path: Path) -> None:
    refused = perdure.json("audit", "export", "-", status=1)["error"]
    assert "leave --json out" in refused["message"]
    there = ("--server", "http://127.0.0.1:1")
    file = tmp_path / "trail.jsonl"
    away = perdure(*there, "audit", "export", str(file))
    assert away.returncode == 1
    assert "cannot be reached" in away.stderr
    assert [*tmp_path.glob("trail*")] == []
    tenant = perdure(*there, "audit", "export", str(file), "--tenant", "acme")
    assert "leave --tenant out" in tenant.stderr
    nowhere = perdure("audit", "export", str(tmp_path / "none" / "trail.jsonl"))
    assert "cannot be written" in nowhere.stderr
