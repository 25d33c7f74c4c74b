"""Commands on a home that is encrypted: with its keys, without them, and from a backup."""

import shutil
import tarfile
from pathlib import Path
from typing import Any

from tests.support.encryption import write_keys

WORD = "quetzalcoatl"


def test_a_home_is_of_use_with_its_keys_alone(perdure: Any, own_home: Path, tmp_path: Path) -> None:
    keys = {"PERDURE_ENCRYPTION_KEYS": write_keys(tmp_path / "keys", "first")}
    run = perdure.json("run", "echo", f"say {WORD}", "--param", f"text={WORD}", **keys)
    workflow_id = run["workflow_id"]
    assert perdure.json("goals", "show", workflow_id, **keys)["parameters"]["text"] == WORD

    for source in ({}, {"PERDURE_ENCRYPTION_KEYS": write_keys(tmp_path / "other", "other")}):
        refused = perdure("goals", "show", workflow_id, **source)
        assert refused.returncode == 1
        assert refused.stdout == ""
        assert len(refused.stderr.splitlines()) == 1, refused.stderr
        assert "PERDURE_ENCRYPTION_KEYS" in refused.stderr
        assert "'first'" in refused.stderr

    archive = tmp_path / "home.tar.gz"
    written = perdure("backup", str(archive))
    assert written.returncode == 0, written.stderr
    assert "the newest key is 'first', and the keys are not in it: keep" in written.stdout
    with tarfile.open(archive) as opened:
        for member in opened:
            content = opened.extractfile(member)
            if content is not None and not member.name.startswith("temporal"):
                assert WORD.encode() not in content.read(), member.name
    shutil.rmtree(own_home)
    restored = perdure("restore", str(archive))
    assert restored.returncode == 0, restored.stderr
    assert "the keys are not in it: set PERDURE_ENCRYPTION_KEYS" in restored.stdout
    assert perdure.json("goals", "show", workflow_id, **keys)["parameters"]["text"] == WORD
    out = tmp_path / "out"
    assert perdure("goals", "result", workflow_id, "--output", str(out), **keys).returncode == 0
    assert (out / "echo.txt").read_text(encoding="utf-8") == WORD


def test_an_old_key_is_retired(perdure: Any, tmp_path: Path) -> None:
    old, both, new = [
        {"PERDURE_ENCRYPTION_KEYS": write_keys(tmp_path / "-".join(names), *names)}
        for names in (("first",), ("second", "first"), ("second",))
    ]
    run = perdure.json("run", "echo", "say it", "--param", f"text={WORD}", **old)
    workflow_id = run["workflow_id"]

    def sealed(keys: dict[str, str], status: int = 0) -> dict[str, str]:
        checks = perdure.json("doctor", status=status, **keys)["checks"]
        found = {check["part"]: check["version"] for check in checks}
        return {part: said for part, said in found.items() if part.startswith("sealed with")}

    before = sealed(both)
    assert before["sealed with second"] == "0 rows, 0 objects"
    rows, objects = (int(word) for word in before["sealed with first"].split() if word.isdigit())
    assert rows > 0
    assert objects > 0
    # Whoever takes it away too early is told.
    assert "sealed with first" in sealed(new, 1)
    refused = perdure("encryption", "reseal", **new)
    assert refused.returncode == 1
    assert "still needed: first" in refused.stderr

    document = perdure.json("encryption", "reseal", **both)
    assert (document["changed"], document["damaged"]) == (rows + objects, [])
    shown = perdure.json("encryption", "show", **both)
    assert shown["seals"] == "second"
    assert {key["key"]: (key["rows"], key["objects"]) for key in shown["keys"]} == {
        "second": (rows, objects),
        "first": (0, 0),
        None: (0, 0),
    }
    assert "not needed by the stores" in perdure("encryption", "show", **both).stdout
    assert list(sealed(new)) == ["sealed with second"]
    assert perdure.json("goals", "show", workflow_id, **new)["parameters"]["text"] == WORD
    out = tmp_path / "out"
    assert perdure("goals", "result", workflow_id, "--output", str(out), **new).returncode == 0
    assert (out / "echo.txt").read_text(encoding="utf-8") == WORD


def test_without_keys_there_is_nothing_to_seal_anew(perdure: Any) -> None:
    for command in ("show", "reseal"):
        refused = perdure("encryption", command)
        assert refused.returncode == 1
        assert "nothing is encrypted here: set PERDURE_ENCRYPTION_KEYS" in refused.stderr
