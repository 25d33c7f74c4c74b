"""Ten thousand goals in the stores, as a month of work leaves them."""

import json
import random
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import Table, insert

from perdure.models import Failure, GoalStatus
from perdure.stores import Stores
from perdure.stores.database import access_schema, schema
from perdure.stores.database.engine import Transaction
from perdure.stores.database.goal_index import index_ended_goal

GOALS: Final = 10_000
CALLERS: Final = tuple(f"caller {number}" for number in range(20))
NOW: Final = datetime.now(UTC)
_BATCH: Final = 500
_AGENTS: Final = ("analysis", "code", "document", "research")
_STATUSES: Final = (*[GoalStatus.COMPLETED] * 7, GoalStatus.FAILED, *GoalStatus)
_DELEGATED: Final = 0.1
_APPROVALS: Final = 60
_VOCABULARY: Final = 20_000


class _Rows:
    """The rows of one goal after the other."""

    def __init__(self) -> None:
        self._chance = random.Random(1)

    def text(self, words: int) -> str:
        """Return words as in real texts: a few are in most of them, most are in few."""
        return " ".join(
            f"w{min(int(self._chance.paretovariate(0.5)), _VOCABULARY)}" for _ in range(words)
        )

    def of_goal(self, number: int) -> list[tuple[Table, dict[str, Any]]]:
        """Return the rows of a goal: its record, its result, what it spent, who started it."""
        chance = self._chance
        status = chance.choice(_STATUSES)
        started = NOW - timedelta(minutes=4 * (GOALS - number))
        run = run_of(number)
        is_delegated = number > 0 and chance.random() < _DELEGATED
        parent = run_of(number - 1) if is_delegated else None
        error = Failure(type="TimeoutError", message=self.text(12))
        goal = {
            "workflow_id": run,
            "goal_id": f"number-{number}",
            "description": f"goal {self.text(chance.randint(5, 200))}",
            "agent_type": chance.choice(_AGENTS),
            "parameters": '{"path": "/data/sales.csv"}',
            "status": status.value,
            "error": error.model_dump_json() if status is GoalStatus.FAILED else None,
            "started_at": started,
            "ended_at": started + timedelta(minutes=3) if status.final else None,
            "parent": parent,
            "root": parent,
        }
        result = {"summary": self.text(25), "result": "{}", "size": 2, "metadata": "{}"}
        rows = [(schema.goals, goal), (schema.results, {"workflow_id": run, **result})]
        rows += [(schema.spending, row) for row in self._spent(run, parent or run, started)]
        rows.append((schema.totals, self._totals(run, parent or run)))
        if not is_delegated:
            rows.append((access_schema.audit, self._start(run, started)))
        return rows

    def _spent(self, run: str, root: str, started: datetime) -> list[dict[str, Any]]:
        return [
            {
                "workflow_id": run,
                "entry": entry,
                "root": root,
                "name": "ask",
                "digest": f"{entry:064x}",
                "occurrence": 0,
                "model": "openai:small",
                "state": "kept",
                "input_tokens": self._chance.randint(100, 9_000),
                "output_tokens": self._chance.randint(10, 900),
                "cost": self._chance.random() / 50,
                "at": started + timedelta(seconds=20 * entry),
            }
            for entry in range(1, 3)
        ]

    def _totals(self, run: str, root: str) -> dict[str, Any]:
        saved = {"saved_input_tokens": 900, "saved_output_tokens": 90, "saved_cost": 0.002}
        return {"workflow_id": run, "root": root, "steps": 12, "seconds": 40.0, **saved}

    def _start(self, run: str, started: datetime) -> dict[str, Any]:
        return {
            "at": started,
            "who": self._chance.choice(CALLERS),
            "key_id": "0123456789ab",
            "address": "127.0.0.1",
            "action": "goal.start",
            "subject": run,
            "status": 200,
            "request_id": f"{self._chance.getrandbits(128):032x}",
            "details": '{"agent_type": "analysis"}',
        }


def run_of(number: int) -> str:
    """Return the workflow id of a stored goal, whose random part ends in its number."""
    return f"goal-number-{number}-{number:032x}"


async def store_goals(stores: Stores) -> None:
    """Store the goals of thirty days, with descriptions and summaries of some length.

    Most are over, some run or wait, and sixty wait for people.
    """
    rows = _Rows()

    def add(transaction: Transaction, first: int) -> None:
        execute = transaction.connection.execute
        for number in range(first, first + _BATCH):
            for table, row in rows.of_goal(number):
                execute(insert(table), row)
            index_ended_goal(transaction, run_of(number))

    for first in range(0, GOALS, _BATCH):
        await stores.database.write(partial(add, first=first))
    await stores.database.write(_add_approvals)
    for caller in CALLERS:
        await stores.access.keys.create(caller, ["read", "submit"])


def _add_approvals(transaction: Transaction) -> None:
    waiting = [
        row.workflow_id
        for row in transaction.connection.execute(
            schema.goals.select()
            .where(schema.goals.c.status == GoalStatus.WAITING.value)
            .limit(_APPROVALS)
        )
    ]
    for number, run in enumerate(waiting):
        row = {
            "approval_id": f"{number:032x}",
            "workflow_id": run,
            "question": "May the invoices of this month be paid?",
            "data": json.dumps({"invoices": [f"2026-{number:04}" for number in range(20)]}),
            "of": "[]",
            "needed": 1,
            "asked_at": NOW - timedelta(minutes=number),
        }
        transaction.connection.execute(insert(schema.approvals), row)
