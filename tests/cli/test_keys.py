"""``perdure keys`` and ``perdure audit``, without a server."""

from typing import Any


def test_a_key_is_shown_once_listed_and_revoked(perdure: Any) -> None:
    made = perdure.json("keys", "create", "nightly", "--scope", "read", "--days", "30")
    key, record = made["key"], made["record"]
    assert key.startswith(f"perdure_{record['key_id']}_")
    assert (record["name"], record["tenant"], record["scopes"]) == ("nightly", "default", ["read"])
    assert record["expires_at"]
    shown = perdure("keys", "create", "ann", "--tenant", "acme").stdout
    assert "shown only now" in shown
    assert "acme" in shown

    listed = perdure.json("keys", "list")["keys"]
    assert [item["name"] for item in listed] == ["ann", "nightly"]
    assert listed[0]["scopes"] == ["read", "submit"]
    assert [item["name"] for item in perdure.json("keys", "list", "--tenant", "acme")["keys"]] == [
        "ann"
    ]
    table = perdure("keys", "list").stdout
    assert "nightly" in table
    assert key not in table

    assert perdure.json("keys", "revoke", record["key_id"])["revoked_at"]
    assert "revoked" in perdure("keys", "list").stdout
    entries = perdure.json("audit")["entries"]
    assert [(entry["action"], entry["details"]["name"]) for entry in entries] == [
        ("key.revoke", "nightly"),
        ("key.create", "ann"),
        ("key.create", "nightly"),
    ]
    assert all("command line" in entry["who"] for entry in entries)
    assert len(perdure.json("audit", "--before", str(entries[0]["number"]))["entries"]) == 2
    assert "key.revoke" in perdure("audit", "--subject", record["key_id"]).stdout


def test_what_is_wrong_with_a_key_is_said(perdure: Any) -> None:
    for arguments, said in (
        (("create", " "), "a key's name has"),
        (("create", "x", "--tenant", "A B"), "tenant"),
        (("revoke", "nothing"), "perdure keys list"),
    ):
        failed = perdure("keys", *arguments)
        assert failed.returncode == 1
        assert said in failed.stderr
