"""``perdure approvals`` and the commands that control goals, with a server and without."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.until import until


def stands(perdure: Any, workflow_id: str, status: str) -> Any:
    goal = perdure.json("goals", "show", workflow_id)
    return goal if goal["status"] == status else None


def hand_in(perdure: Any, *parameters: str) -> str:
    given = [word for parameter in parameters for word in ("-p", parameter)]
    return str(perdure.json("run", "echo", "say it", "--detach", *given)["workflow_id"])


def test_a_question_is_shown_and_answered(perdure: Any, start_dev: Any) -> None:
    start_dev()
    workflow_id = hand_in(perdure, "ask=Publish it?", "text=hi")
    goal = until(lambda: stands(perdure, workflow_id, "waiting"))
    [wait] = goal["waits"]
    assert (wait["kind"], wait["about"]) == ("approval", "Publish it?")
    assert "perdure approvals show" in perdure("goals", "show", workflow_id).stdout

    [asked] = perdure.json("approvals")["approvals"]
    assert asked["question"] == "Publish it?"
    assert perdure.json("approvals", "list")["approvals"] == [asked]
    assert "Publish it?" in perdure("approvals").stdout
    beginning = asked["approval_id"][:8]
    assert '"paid": 0' in perdure("approvals", "show", beginning).stdout
    said = perdure.json("approvals", "approve", beginning, "--by", "ann", "--reason", "looks good")
    assert said["status"] == "approved"
    assert until(lambda: stands(perdure, workflow_id, "completed"))["success"]

    assert perdure.json("approvals")["approvals"] == []
    assert perdure.json("approvals", "--all")["approvals"] == [said]
    again = perdure.json("approvals", "refuse", beginning, "--by", "bob", status=1)
    assert "decided already" in again["error"]["message"]


def test_equal_questions_are_numbered_wherever_they_are_shown(perdure: Any, start_dev: Any) -> None:
    start_dev()
    workflow_id = hand_in(perdure, "ask=Same?", "times=2", "text=hi")
    until(lambda: stands(perdure, workflow_id, "waiting"))
    listed = perdure("approvals").stdout
    assert "\tSame?\t" in listed
    assert "\tSame? (2)\t" in listed
    asked = {one["number"]: one["approval_id"] for one in perdure.json("approvals")["approvals"]}
    assert "asked      Same? (2)" in perdure("approvals", "show", asked[2]).stdout

    perdure("approvals", "approve", asked[1])
    shown = perdure("goals", "show", workflow_id).stdout
    assert f"waits for  an answer to 'Same?' (2): perdure approvals show {asked[2]}" in shown
    assert "step       pay  completed in 0.0 s" in shown
    perdure("approvals", "approve", asked[2])
    goal = until(lambda: stands(perdure, workflow_id, "completed"))
    assert {(step["step"], step["number"]) for step in goal["steps"]} == {
        ("pay", 1),
        ("approve", 1),
        ("approve", 2),
    }
    assert "step       approve (2)  completed" in perdure("goals", "show", workflow_id).stdout


def test_an_answer_needs_no_server(perdure: Any, start_dev: Any) -> None:
    dev = start_dev()
    workflow_id = hand_in(perdure, "ask=Publish it?")
    until(lambda: stands(perdure, workflow_id, "waiting"))
    dev.stop()

    [asked] = perdure.json("approvals")["approvals"]
    said = perdure.json("approvals", "refuse", asked["approval_id"], "--reason", "no")
    assert said["status"] == "refused"
    assert said["votes"][0]["by"]  # who is logged in

    start_dev()
    goal = until(lambda: stands(perdure, workflow_id, "failed"), seconds=60)
    assert "somebody said no" in goal["error"]["message"]


def test_a_signal_is_sent(perdure: Any, start_dev: Any) -> None:
    start_dev()
    workflow_id = hand_in(perdure, "signal=go")
    until(lambda: stands(perdure, workflow_id, "waiting"))
    assert "the signal 'go'" in perdure("goals", "show", workflow_id).stdout
    wrong = perdure.json("goals", "signal", workflow_id, "go", "--data", "hi", status=1)
    assert "is not JSON" in wrong["error"]["message"]
    sent = perdure.json("goals", "signal", workflow_id, "go", "--data", '{"a": [1]}')
    assert sent == {"workflow_id": workflow_id, "name": "go", "number": 1}
    goal = until(lambda: stands(perdure, workflow_id, "completed"))
    assert goal["result"]["data"]["got"] == {"a": [1]}


def test_dead_letters_are_picked_up(perdure: Any, start_dev: Any) -> None:
    start_dev()
    bill = perdure.folder / "gate.bill"
    (perdure.folder / "gate").touch()
    workflow_id = hand_in(perdure, "fail=true", f"wait_for={perdure.folder / 'gate'}")
    until(lambda: stands(perdure, workflow_id, "failed"))
    [letter] = perdure.json("goals", "dead-letters")["goals"]
    assert letter["workflow_id"] == workflow_id
    assert "give another path" in perdure("goals", "dead-letters").stdout

    (perdure.folder / "sales.csv").touch()
    # Its workflow ends a moment after its record.
    retried = until(lambda: perdure.json("goals", "retry", "--all")["workflow_ids"])
    assert retried == [workflow_id]
    goal = until(lambda: stands(perdure, workflow_id, "completed"))
    assert goal["error"] is None
    assert bill.read_text() == "x"
    assert goal["spending"]["steps"] == 1
    assert "1 steps" in perdure("goals", "show", workflow_id).stdout
    assert perdure.json("goals", "dead-letters")["goals"] == []
    told = perdure.json("goals", "retry", workflow_id, status=1)
    assert "has completed" in told["error"]["message"]


def test_pause_resume_terminate(perdure: Any, start_dev: Any) -> None:
    start_dev()
    workflow_id = hand_in(perdure, "signal=go")
    until(lambda: stands(perdure, workflow_id, "waiting"))
    paused = perdure.json("goals", "pause", workflow_id)
    assert paused == {"workflow_id": workflow_id, "status": "pausing"}
    until(lambda: perdure.json("goals", "list", "--status", "paused")["goals"])
    assert perdure.json("goals", "resume", workflow_id)["status"] == "resuming"
    until(lambda: stands(perdure, workflow_id, "waiting"))
    ended = perdure.json("goals", "terminate", workflow_id, "--reason", "enough")
    assert ended["status"] == "terminated"
    assert "enough" in perdure("goals", "show", workflow_id).stdout
    for command in ("terminate", "cancel"):
        assert perdure.json("goals", command, workflow_id)["status"] == "terminated"
    assert "has ended" in perdure("goals", "pause", workflow_id).stderr


def test_many_are_cancelled_and_retried(perdure: Any, start_dev: Any) -> None:
    start_dev()
    runs = [hand_in(perdure, "signal=go") for _ in range(3)]
    for run in runs:
        until(partial(stands, perdure, run, "waiting"))
    first, second, third = runs
    told = perdure.json("goals", "cancel", first, second)
    assert {goal["workflow_id"]: goal["status"] for goal in told["goals"]} == {
        first: "cancelling",
        second: "cancelling",
    }
    until(lambda: stands(perdure, first, "cancelled") and stands(perdure, second, "cancelled"))
    # Nobody is there to be asked.
    assert "give --yes" in perdure("goals", "cancel", "--status", "waiting").stderr
    told = perdure.json("goals", "retry", "--status", "cancelled", "--search", second, "--yes")
    assert [goal["status"] for goal in told["goals"]] == ["started"]
    until(lambda: stands(perdure, second, "waiting"))
    done = perdure("goals", "retry", first, third)
    assert done.returncode == 1
    assert f"started  {first}\nleft  {third}" in done.stdout
    assert "has not ended" in done.stderr
    told = perdure.json("goals", "cancel", "--search", "no such words", "--yes")
    assert told == {"goals": [], "more": False}
    told = perdure.json("goals", "cancel", "--status", "waiting", "--since", "1h", "--yes")
    assert third in [goal["workflow_id"] for goal in told["goals"]]
    found = perdure.json("goals", "list", "--search", third, "--not-delegated")["goals"]
    assert [goal["workflow_id"] for goal in found] == [third]
    assert perdure.json("goals", "list", "--tenant", "acme")["goals"] == []
    assert "is no time" in perdure("goals", "list", "--since", "soon").stderr


def test_a_retry_without_a_server_sees_the_goal_through(perdure: Any) -> None:
    done = perdure("run", "echo", "say it", "-p", "fail=true", "--goal-id", "sales-2026")
    assert done.returncode == 1
    Path(perdure.folder / "sales.csv").touch()
    done = perdure("goals", "retry", "sales-20", "--json")
    assert json.loads(done.stdout)["status"] == "started", done.stderr
    assert perdure.json("goals", "show", "sales-2026")["status"] == "completed"


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["goals", "retry"], "name the goal to retry, or give --all"),
        (["goals", "retry", "x", "--all"], "name the goal to retry, or give --all"),
        (["goals", "cancel"], "name the goal to cancel, or say which"),
        (["goals", "cancel", "x", "--agent", "echo"], "name the goal to cancel, or say which"),
        (["goals", "signal", "nothing", "go"], "no goal 'nothing' is on record"),
        (["goals", "pause", "nothing"], "no goal 'nothing' is on record"),
        (["approvals", "show", "nothing"], "no approval 'nothing' is on record"),
        (["approvals", "approve", "nothing"], "no approval 'nothing' is on record"),
    ],
)
def test_what_cannot_be_done_is_said(perdure: Any, command: list[str], sentence: str) -> None:
    done = perdure(*command)
    assert done.returncode == 1
    assert sentence in done.stderr
