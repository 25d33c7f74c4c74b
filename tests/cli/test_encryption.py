"""Keys of an installation, as its commands take them: found, missing, and forgotten somewhere."""

import base64
from pathlib import Path
from typing import Any

from tests.cli.test_approvals import hand_in, stands
from tests.support.until import until


def key_file(folder: Path, name: str, *ids: str) -> str:
    file = folder / name
    keys = [f"{key_id} {base64.b64encode(key_id.encode() * 8).decode()}\n" for key_id in ids]
    file.write_text("".join(keys))
    file.chmod(0o600)
    return str(file)


def test_doctor_knows_the_keys_and_what_they_do_not_open(perdure: Any, tmp_path: Path) -> None:
    old = key_file(tmp_path, "old", "2025")
    perdure.environment["PERDURE_ENCRYPTION_KEYS"] = old
    dev = perdure.dev()
    workflow_id = hand_in(perdure, "ask=Publish it?", "text=marzipan")
    until(lambda: stands(perdure, workflow_id, "waiting"))
    checks = perdure.json("doctor")["checks"]
    [keys] = [check for check in checks if check["part"] == "encryption keys"]
    assert (keys["found"], keys["version"], keys["where"]) == (True, "2025", old)
    assert not [check for check in checks if check["part"].startswith("input of")]

    new = key_file(tmp_path, "new", "2026")
    report = perdure.json("doctor", status=1, PERDURE_ENCRYPTION_KEYS=new)
    [sealed] = [check for check in report["checks"] if check["part"] == f"input of {workflow_id}"]
    assert "the key '2025', which is not among PERDURE_ENCRYPTION_KEYS" in sealed["advice"]
    printed = f"command:cat {key_file(tmp_path, 'both', '2026', '2025')}"
    checks = perdure.json("doctor", PERDURE_ENCRYPTION_KEYS=printed)["checks"]
    [keys] = [check for check in checks if check["part"] == "encryption keys"]
    assert (keys["version"], keys["where"]) == ("2026", "command:cat")
    dev.stop()
    files = Path(perdure.environment["PERDURE_HOME"]).glob("temporal.db*")
    database = b"".join(file.read_bytes() for file in files)
    assert b"marzipan" not in database
    assert b"AgentGoalWorkflow" in database


def test_no_command_begins_without_its_keys(perdure: Any, tmp_path: Path) -> None:
    nowhere = {"PERDURE_ENCRYPTION_KEYS": str(tmp_path / "nowhere")}
    for command in (["dev"], ["run", "echo", "hi"]):
        done = perdure(*command, **nowhere)
        assert done.returncode == 1
        assert f"PERDURE_ENCRYPTION_KEYS: {tmp_path / 'nowhere'} cannot be read" in done.stderr
        assert "Traceback" not in done.stderr
    report = perdure.json("doctor", status=1, **nowhere)
    [keys] = [check for check in report["checks"] if check["part"] == "encryption keys"]
    assert "name a file that this user may read" in keys["advice"]
