"""``perdure goals score``: no server runs, and none is started."""

import asyncio
import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from perdure.models import Goal, GoalStatus
from perdure.settings import Settings
from perdure.stores import open_stores

RUN = "goal-mail-1"


async def _create(home: Path) -> None:
    async with open_stores(Settings(home=home)) as stores:
        goal = Goal(goal_id="mail", description="Send it", agent_type="echo")
        await stores.goals.create(goal, RUN, datetime.now(UTC))


async def _end(home: Path) -> None:
    async with open_stores(Settings(home=home)) as stores:
        await stores.results.store(RUN, GoalStatus.COMPLETED, None, 1.0)


@pytest.fixture
def home(own_home: Path) -> Path:
    """Return a home with a run."""
    asyncio.run(_create(own_home))
    return own_home


def test_a_goal_is_scored_and_shown(perdure: Any, home: Path) -> None:
    done = perdure("goals", "score", RUN, "gain", "-1.5", "--comment", "it\x1b[2J lost", "--json")
    assert done.returncode == 0, done.stderr
    assert '"value": -1.5' in done.stdout
    perdure("goals", "score", "mail", "useful", "true", "--by", "ann", "--step", "send it")
    perdure("goals", "score", "mail", "tone", "friendly", "--by", "ann")

    shown = perdure("goals", "show", RUN).stdout
    assert f"score      gain -1.5, by {getpass.getuser()}: it[2J lost\n" in shown
    assert "score      useful true of step send it, by ann\n" in shown
    assert "score      tone friendly, by ann\n" in shown
    audited = perdure("audit", "--json").stdout
    assert audited.count('"goal.score"') == 3


def test_a_goal_is_deleted_and_its_usage_stays(perdure: Any, home: Path) -> None:
    perdure("goals", "score", RUN, "accuracy", "0.5", "--by", "ann")
    assert "give --yes" in perdure("goals", "delete", RUN).stderr
    assert "is running" in perdure("goals", "delete", RUN, "--yes").stderr
    asyncio.run(_end(home))
    before = perdure("usage", "--by", "agent").stdout
    assert "accuracy 0.5 (1)" in before
    assert perdure("goals", "delete", RUN, "--yes").stdout == f"deleted  {RUN}\n"
    assert perdure("goals", "show", RUN).returncode == 1
    assert perdure("usage", "--by", "agent").stdout == before


@pytest.mark.parametrize(
    "wrong", [["two words", "1"], ["a", "1e999"], ["a", "9" * 400], ["a", ""], ["a", "b" * 65]]
)
def test_what_is_no_score_is_said(perdure: Any, home: Path, wrong: list[str]) -> None:
    done = perdure("goals", "score", RUN, *wrong)
    assert done.returncode == 2 or "does not fit" in done.stderr
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
