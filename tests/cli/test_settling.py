"""``perdure goals settle``: no server runs, and none is started."""

import asyncio
import getpass
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from perdure.agents.steps.keys import StepKey
from perdure.models import Event, Goal, GoalStatus
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.database.fencing import Claim

RUN = "goal-mail-1"


async def _cut_off(home: Path) -> None:
    async with open_stores(Settings(home=home)) as stores:
        goal = Goal(goal_id="mail", description="Send it", agent_type="echo")
        await stores.goals.create(goal, RUN, datetime.now(UTC))
        claim, _ = await stores.executions.start(Claim(RUN, "1", 1, datetime.now(UTC)), None, {})
        for number in (1, 2):
            key = StepKey("send it", f"{number}" * 64, 0, number)
            await stores.context.journal(claim).begin(key, once=True)
        await stores.results.store(RUN, GoalStatus.FAILED, None, 1.0)


async def _last_event(home: Path) -> Event:
    async with open_stores(Settings(home=home)) as stores:
        return (await stores.events.after(RUN, 0))[-1]


@pytest.fixture
def home(own_home: Path) -> Path:
    """Return a home with a failed run that has two steps of unknown outcome."""
    asyncio.run(_cut_off(own_home))
    return own_home


def test_show_lists_steps_of_unknown_outcome(perdure: Any, home: Path) -> None:
    shown = perdure("goals", "show", RUN).stdout
    assert "unknown    whether step send it, begun " in shown
    assert "unknown    whether step send it (2), begun " in shown
    document = json.loads(perdure("goals", "show", RUN, "--json").stdout)
    assert [step["number"] for step in document["unknown_steps"]] == [1, 2]


def test_a_person_settles_one_after_the_other(perdure: Any, home: Path) -> None:
    ambiguous = perdure("goals", "settle", RUN, "--step", "send it", "--not-done")
    assert ambiguous.returncode == 1
    assert "'send it#1' or 'send it#2'" in ambiguous.stderr

    done = perdure("goals", "settle", RUN, "--step", "send it#2", "--done", '"ok"', "--json")
    assert json.loads(done.stdout)["done"] is True
    event = asyncio.run(_last_event(home))
    assert event.data["by"] == getpass.getuser()
    done = perdure("goals", "settle", "mail", "--step", "send it", "--not-done", "--by", "Ann")
    assert done.stdout == f"settled  send it  {RUN}\n"
    assert asyncio.run(_last_event(home)).data == {
        "step": "send it",
        "number": 1,
        "done": False,
        "by": "Ann",
    }
    assert "unknown  " not in perdure("goals", "show", RUN).stdout
    assert not (home / "temporal.db").exists()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([], "say what you found"),
        (["--done", "1", "--not-done"], "say what you found"),
        (["--done", "sent"], "--done 'sent' is not JSON"),
        (["--done", "NaN"], "is not JSON"),
        (["--done", "[" * 100_000], "is not JSON"),
    ],
)
def test_an_answer_that_is_none_is_refused(
    perdure: Any, home: Path, answer: list[str], message: str
) -> None:
    refused = perdure("goals", "settle", RUN, "--step", "send it#1", *answer)
    assert refused.returncode == 1
    assert message in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
