"""``perdure audit`` and its commands: sealed, exported, verified elsewhere, erased."""

import getpass
from pathlib import Path
from typing import Any

from tests.support.audit_keys import write_keys


def test_a_trail_is_sealed_exported_and_verified_elsewhere(perdure: Any, tmp_path: Path) -> None:
    private, public = write_keys(tmp_path)
    file, anchor = tmp_path / "trail.jsonl", tmp_path / "seals.jsonl"
    refused = perdure.json("audit", "seal", status=1)["error"]
    assert "set PERDURE_AUDIT_KEY" in refused["message"]
    perdure.environment["PERDURE_AUDIT_KEY"] = str(private)
    perdure.environment["PERDURE_AUDIT_ANCHOR"] = f"file://{anchor}"
    [check] = [one for one in perdure.json("doctor")["checks"] if one["part"] == "audit key"]
    assert (check["found"], check["where"]) == (True, str(private))
    made = perdure.json("keys", "create", "a caller")
    sealed = perdure.json("audit", "seal")
    assert (sealed["facts"], sealed["last_seal"]) == (1, 1)
    assert perdure.json("audit", "seal") == {"facts": 0, "last_seal": 1}
    assert perdure.json("audit", "export", str(file))["seals"] == 1
    assert made["record"]["key_id"] in file.read_text()
    assert "a caller" not in file.read_text()

    # An auditor has the file and the public key.
    for name in ("PERDURE_AUDIT_KEY", "PERDURE_AUDIT_ANCHOR"):
        del perdure.environment[name]
    perdure.environment["PERDURE_HOME"] = str(tmp_path / "auditor")
    given = ("audit", "verify", str(file), "--public-key", str(public))
    found = perdure.json(*given, "--anchor", str(anchor))
    assert (found["holds"], found["facts"], found["seals"]) == (True, 1, 1)
    assert not (tmp_path / "auditor").exists()
    late = perdure.json(*given, "--until", "2999-01-01T00:00+00:00", status=1)
    assert [finding["place"] for finding in late["findings"]] == ["seal 1"]
    file.write_text(file.read_text().replace("key.create", "key.revoke"))
    changed = perdure(*given)
    assert changed.returncode == 1
    assert "fact 1 was changed" in changed.stdout
    assert "IT DOES NOT HOLD" in changed.stdout
    none = perdure.json("audit", "verify", str(file), "--public-key", str(file), status=1)
    assert "is no public Ed25519 key" in none["error"]["message"]


def test_a_person_is_erased_and_that_is_on_record(perdure: Any, tmp_path: Path) -> None:
    perdure.environment["PERDURE_AUDIT_KEY"] = str(write_keys(tmp_path)[0])
    perdure.json("keys", "create", "a caller")
    name = f"{getpass.getuser()} on the command line"
    assert perdure.json("audit", "erase", name) == {"erased": name}
    refused = perdure.json("audit", "erase", "nobody", status=1)["error"]
    assert "nobody called 'nobody'" in refused["message"]
    entries = perdure.json("audit", "--action", "audit.erase")["entries"]
    assert [entry["status"] for entry in entries] == [422, 200]
