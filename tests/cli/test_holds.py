"""``perdure goals hold`` and ``release``: no server runs, and none is started."""

import asyncio
import getpass
import json
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
        goal = Goal(goal_id="mail", description="Send it", agent_type="echo", tenant="acme")
        await stores.goals.create(goal, RUN, datetime.now(UTC))
        await stores.results.store(RUN, GoalStatus.COMPLETED, None, 1.0)


@pytest.fixture
def home(own_home: Path) -> Path:
    """Return a home with a run that has ended."""
    asyncio.run(_create(own_home))
    return own_home


def test_a_goal_that_is_held_is_shown_so_and_not_deleted(perdure: Any, home: Path) -> None:
    held = perdure("goals", "hold", "mail", "--reason", "a law\x1b[2Jsuit")
    assert held.returncode == 0, held.stderr
    who = getpass.getuser()
    assert held.stdout.startswith(f"held  {RUN}  by {who}, since ")
    shown = perdure("goals", "show", RUN).stdout
    assert f"held       by {who}, since " in shown
    assert ": a law[2Jsuit\n" in shown
    assert json.loads(perdure("goals", "show", RUN, "--json").stdout)["hold"]["by"] == who
    refused = perdure("goals", "delete", RUN, "--yes")
    assert refused.returncode == 1
    assert f"cannot be deleted: it is held by {who}" in refused.stderr

    assert perdure("goals", "release", RUN).stdout == f"released  {RUN}\n"
    assert "held" not in perdure("goals", "show", RUN).stdout
    assert perdure("goals", "delete", RUN, "--yes").returncode == 0
    audited = json.loads(perdure("audit", "--json").stdout)["entries"]
    # The newest first.
    assert [(each["action"], each["status"], each["tenant"]) for each in audited] == [
        ("goal.delete", 200, "acme"),
        ("goal.release", 200, "acme"),
        ("goal.delete", 409, "acme"),
        ("goal.hold", 200, "acme"),
    ]
    assert audited[-1]["details"]["reason"].startswith("a law")


def test_all_of_a_tenant_is_held(perdure: Any, home: Path) -> None:
    assert perdure("goals", "hold", "--all").stdout.startswith("held  all goals  all of the tenant")
    assert "held" not in perdure("goals", "show", RUN).stdout  # which is another's
    done = perdure("goals", "hold", "--all", "--tenant", "acme", "--reason", "an audit", "--json")
    assert json.loads(done.stdout)["whole_tenant"] is True
    assert "held       all of the tenant, by " in perdure("goals", "show", RUN).stdout
    listed = json.loads(perdure("goals", "holds", "--json").stdout)["holds"]
    assert [(each["tenant"], each["workflow_id"]) for each in listed] == [
        ("acme", ""),
        ("default", ""),
    ]
    lines = perdure("goals", "holds").stdout.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [
        ["TENANT", "GOAL"],
        ["acme", "all"],
        ["default", "all"],
    ]
    refused = perdure("goals", "delete", RUN, "--yes").stderr
    assert "all of its tenant is held" in refused
    assert perdure("goals", "release", "--all", "--tenant", "acme").returncode == 0
    assert perdure("goals", "delete", RUN, "--yes").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "name a goal, or give --all"),
        (("mail", "--all"), "name a goal, or give --all"),
        (("mail", "--tenant", "acme"), "--tenant goes with --all"),
        (("--all", "--tenant", "A b"), "is no name for a tenant"),
        (("nothing",), "nothing"),
    ],
)
def test_what_is_no_goal_and_no_tenant_is_refused(
    perdure: Any, home: Path, arguments: tuple[str, ...], says: str
) -> None:
    for command in ("hold", "release"):
        refused = perdure("goals", command, *arguments)
        assert refused.returncode != 0
        assert says in refused.stderr
