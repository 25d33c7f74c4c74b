"""The signal store: data that people and programs send to a run, numbered by name."""

import json
import re
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue
from sqlalchemy import bindparam, func, insert, select, update

from perdure.models import GoalStatus
from perdure.models.texts import MAX_NESTING, is_nested_too_deeply
from perdure.stores.database import schema
from perdure.stores.database.engine import Transaction
from perdure.stores.database.errors import InputRefused, RunEnded, UnknownGoal
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.events.event_store import add_event
from perdure.stores.journal.wait_ids import wait_id

SIGNAL_NAME_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
MAX_SIGNAL_BYTES: Final = 262_144
# The data of a signal whose wait expired before it came: its number is used up.
EXPIRED: Final = ""

_SIGNALS: Final = schema.signals.c
_GOALS: Final = schema.goals.c
_WAITS: Final = schema.waits.c
_LOCK: Final = (
    select(_GOALS.status, _GOALS.ended_at)
    .where(_GOALS.workflow_id == bindparam("run"))
    .with_for_update()
)
_LAST: Final = select(func.coalesce(func.max(_SIGNALS.number), 0)).where(
    _SIGNALS.workflow_id == bindparam("run"), _SIGNALS.name == bindparam("signal")
)
_INSERT: Final = insert(schema.signals)
_CLOSE_WAIT: Final = (
    update(schema.waits)
    .where(_WAITS.wait_id == bindparam("wait"), _WAITS.over_at.is_(None))
    .values(over_at=bindparam("now"))
)


class SignalStore(TenantStore):
    """Signals that were sent to runs."""

    async def send(self, workflow_id: str, name: str, data: JsonValue) -> int:
        """Store a signal for a run and add its event; the run need not wait for it yet.

        Args:
            workflow_id: The run.
            name: The signal's name.
            data: Its data, at most 256 KiB as JSON.

        Returns:
            Its number: 1 for the first of that name, 2 for the second ….

        Raises:
            UnknownGoal: There is no such run.
            RunEnded: The run has ended.
            InputRefused: The name is not valid, or the data is too large.
        """
        check_signal_name(name)
        text = _as_json(name, data)

        def send(transaction: Transaction) -> int:
            self._tenancy.check_run(transaction.connection, workflow_id)
            execute = transaction.connection.execute
            current = execute(_LOCK, {"run": workflow_id}).first()
            if current is None:
                raise UnknownGoal(workflow_id)
            if current.ended_at is not None:
                raise run_ended_error(workflow_id, current.status)
            now = datetime.now(UTC)
            last: int = execute(_LAST, {"run": workflow_id, "signal": name}).scalar_one()
            number = last + 1
            row = {"workflow_id": workflow_id, "name": name, "number": number}
            execute(_INSERT, row | {"data": text, "sent_at": now})
            wait = wait_id(workflow_id, signal_wait(name, number))
            execute(_CLOSE_WAIT, {"wait": wait, "now": now})
            add_event(transaction, workflow_id, "signal", {"name": name, "number": number})
            return number

        return await self._database.write(send)


def _as_json(name: str, data: JsonValue) -> str:
    if is_nested_too_deeply(data):
        raise InputRefused(
            f"the data of signal {name!r} is nested on more than {MAX_NESTING} levels: send flatter"
            " data"
        )
    try:
        text = json.dumps(data, allow_nan=False)
    except ValueError as error:
        raise InputRefused(f"the data of signal {name!r} is not JSON: {error}") from error
    if len(text) > MAX_SIGNAL_BYTES:
        raise InputRefused(
            f"the data of signal {name!r} is larger than {MAX_SIGNAL_BYTES // 1024} KiB: put it"
            " into a file and send its path"
        )
    return text


def signal_wait(name: str, number: int) -> str:
    """Return the name of the wait for a signal, for :func:`.wait_id`."""
    return f"signal:{name}:{number}"


def check_signal_name(name: str) -> None:
    """Check the name of a signal.

    Raises:
        InputRefused: It is empty, longer than 100 characters, or has characters other than letters,
            digits, ``.``, ``_`` and ``-``.
    """
    if not re.fullmatch(SIGNAL_NAME_PATTERN, name):
        raise InputRefused(
            f"{name[:100]!r} is no name for a signal: write at most 100 letters, digits, '.', '_'"
            " and '-', a letter or digit first"
        )


def run_ended_error(workflow_id: str, status: str) -> RunEnded:
    """Return the error of a call for a run that has ended."""
    ended = GoalStatus(status).value
    return RunEnded(
        f"goal {workflow_id} has ended ({ended}) and takes nothing more: hand in another, or pick"
        " it up again with perdure goals retry when it failed"
    )
