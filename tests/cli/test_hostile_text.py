"""What agents, models and callers wrote, as commands print it: a terminal obeys nothing of it."""

import asyncio
import io
import json
import logging
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner

from perdure.agents.steps.journal import ApprovalRequest
from perdure.agents.steps.keys import StepKey
from perdure.cli.main import perdure
from perdure.cli.output.printing import print_message, print_table
from perdure.cli.runtime.logs import configure_logs
from perdure.models import Failure, FailureKind, Goal, GoalStatus, Result
from perdure.models.approvals import Vote
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.database.fencing import Claim

# Colours, the window's title, an answer of the terminal, the same in one byte; and what turns the
# direction of text round.
HOSTILE = "\x1b[31mred \x1b]0;title\x07 \x1b[6n \x9b31m \x7f\b \u202eexe.fdp \u2066x \u2028y"
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


async def fill(home: Path) -> str:
    """Store a run of which every text is hostile, and return its approval's id."""
    async with open_stores(Settings(home=home)) as stores:
        goal = Goal(
            goal_id="g",
            description=f"do {HOSTILE}",
            agent_type="echo",
            parameters={"text": HOSTILE},
        )
        await stores.goals.create(goal, "goal-g-1", datetime.now(UTC))
        claim, _ = await stores.executions.start(
            Claim("goal-g-1", "r", 1, datetime.now(UTC)), None, {}
        )
        question = ApprovalRequest(f"May it {HOSTILE}?", {"x": HOSTILE}, None, (), 1)
        await stores.waits.for_execution(claim).open(StepKey("ask", "0" * 64, 0), question)
        [approval] = await stores.approvals.list()
        vote = Vote(by="ann", approved=False, reason=HOSTILE, at=datetime.now(UTC))
        await stores.approvals.vote(approval.approval_id, vote)
        await stores.results.draft(claim, Result(summary=HOSTILE, data={"x": HOSTILE}))
        await stores.artifacts.writer(claim).write(f"a{HOSTILE}.txt", b"x", "text/plain")
        failure = Failure(type="X", message=f"it broke {HOSTILE}", kind=FailureKind.PERMANENT)
        await stores.results.store("goal-g-1", GoalStatus.FAILED, failure, 1.5)
        return approval.approval_id


def test_no_command_lets_a_terminal_obey(own_home: Path) -> None:
    approval = asyncio.run(fill(own_home))
    runner = CliRunner()
    for command in (
        ["goals", "list"],
        ["goals", "show", "goal-g-1"],
        ["goals", "watch", "goal-g-1"],
        ["goals", "trace", "goal-g-1"],
        ["goals", "result", "goal-g-1"],
        ["goals", "dead-letters"],
        ["approvals", "show", approval],
        ["approvals", "list", "--all"],
        ["goals", "show", HOSTILE],
        ["goals", "settle", "goal-g-1", HOSTILE, "--not-done", "--by", "ann"],
        ["goals", "show", "goal-g-1", "--json"],
        ["goals", "trace", "goal-g-1", "--json"],
        ["approvals", "show", approval, "--json"],
    ):
        # With colours: without, click leaves some of it out by itself.
        shown = runner.invoke(perdure, command, color=True)
        assert not STEERING.search(shown.output), command
        if command[-1] == "--json":
            document = json.loads(shown.output)
            assert HOSTILE in (document.get("description") or document["question"])


def test_tables_and_messages_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name"], [[HOSTILE]])
    print_message(f"perdure: {HOSTILE}")
    printed = capsys.readouterr()
    assert not STEERING.search(printed.out + printed.err)
    assert "red" in printed.out


def test_logs_are_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    handlers = logging.getLogger().handlers[:]
    try:
        configure_logs(logging.INFO)
        structlog.get_logger().warning("failed", path=f"/{HOSTILE.replace(' ', '')}")
        try:
            raise ValueError(HOSTILE)
        except ValueError:
            secret = "what somebody handed in"
            structlog.get_logger().exception("it broke", kept=len(secret))
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers[:] = handlers
    logged = stderr.getvalue()
    assert "exe.fdp" in logged
    assert "ValueError" in logged
    assert not STEERING.search(logged)
    # Values of variables, such as parameters of goals, are nobody's business there.
    assert "'what somebody handed in'" not in logged
