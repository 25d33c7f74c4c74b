"""``perdure policy``: rules checked and tried before they are in force, and in force."""

import json
from pathlib import Path
from typing import Any

RULES = """\
rules:
  - name: no refunds at all
    when: {tool: refund}
    then: deny
    reason: The bank does these.
  - name: big ones
    when: {tool: refund, parameters: {amount: {over: 100}}}
    then: ask
    of: [ann, bob]
    needed: 2
    expires: 1h
  - name: searches
    when: {step: search, parameters: {query: "*secret*"}}
    then: ask
"""
GOAL = {
    "goal_id": "g",
    "description": "Refund it",
    "agent_type": "echo",
    "tenant": "acme",
    "at": "2026-03-02T12:00:00Z",
    "acts": [
        {"tool": "refund", "parameters": {"amount": 250}},
        {"step": "search", "parameters": {"query": "the secret"}},
        {"step": "search", "parameters": {"query": "the weather"}},
    ],
}


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_rules_are_tried_dry(perdure: Any, tmp_path: Path) -> None:
    rules = write(tmp_path, "rules.yaml", RULES)
    goal = write(tmp_path, "goal.json", json.dumps(GOAL))
    decided = perdure.json("policy", "test", rules, "--against", goal)["decisions"]
    assert [(one["kind"], one["outcome"]) for one in decided] == [
        ("goal", "allow"),
        ("tool", "deny"),  # although another rule asks: deny wins
        ("step", "ask"),
        ("step", "allow"),
    ]
    assert decided[1]["matching"] == ["no refunds at all", "big ones"]
    [rule] = decided[1]["rules"]
    assert rule == {"name": "no refunds at all", "line": 2, "reason": "The bank does these."}
    shown = perdure("policy", "test", rules, "--against", goal).stdout
    assert "agent 'echo' calls the tool 'refund'\tdeny\tno refunds at all (line 2)" in shown


def test_a_goal_that_is_none_is_refused(perdure: Any, tmp_path: Path) -> None:
    rules = write(tmp_path, "rules.yaml", RULES)
    goal = write(tmp_path, "goal.json", json.dumps(GOAL | {"acts": [{"tol": "refund"}]}))
    done = perdure("policy", "test", rules, "--against", goal)
    assert done.returncode == 1
    assert "goal.json: acts.0.tol" in done.stderr
    assert perdure("policy", "test", rules, "--against", "none.json").returncode == 1


def test_rules_that_never_match_are_named(perdure: Any, tmp_path: Path) -> None:
    rules = write(
        tmp_path,
        "rules.yaml",
        "rules:\n  - name: typo\n    when: {agent: ecko}\n    then: deny\n",
    )
    report = perdure.json("policy", "check", rules, status=1)
    assert report["valid"]
    [finding] = report["findings"]
    assert finding["rule"] == "typo"
    assert "no agent that is installed here is called 'ecko'" in finding["sentence"]


def test_a_file_with_an_unknown_field_is_refused_with_its_line(
    perdure: Any, tmp_path: Path
) -> None:
    rules = write(tmp_path, "rules.yaml", RULES.replace("reason:", "resaon:"))
    done = perdure("policy", "check", rules)
    assert done.returncode == 1
    assert "line 5: rule 1, resaon is not known: is it 'reason' that is meant?" in done.stderr
    report = perdure.json("policy", "check", rules, status=1)
    assert not report["valid"]
    assert len(report["problems"]) == 1
    for command in (("worker",), ("api", "--port", "0"), ("dev", "--port", "0")):
        refused = perdure(*command, PERDURE_POLICY=rules)
        assert refused.returncode == 1, command
        assert "resaon is not known" in refused.stderr


def test_doctor_says_what_is_wrong_with_the_rules_in_force(perdure: Any, tmp_path: Path) -> None:
    def found() -> list[Any]:
        checks = json.loads(perdure("doctor", "--json").stdout)["checks"]
        return [check for check in checks if check["part"] == "policy"]

    assert found() == []
    path = tmp_path / "rules.yaml"
    perdure.environment["PERDURE_POLICY"] = str(path)
    path.write_text("default: deny\n")
    [check] = found()
    assert (check["found"], check["where"], len(check["version"])) == (True, str(path), 12)
    path.write_text("defualt: deny\n")
    [check] = found()
    assert not check["found"]
    assert "line 1: defualt is not known" in check["advice"]
