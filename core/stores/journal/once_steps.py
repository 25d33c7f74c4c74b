"""Steps marked ``once`` whose outcome is unknown: found, and settled by a person."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue
from sqlalchemy import Connection, and_, bindparam, delete, insert, select, update

from perdure.agents.steps.keys import StepKey, named_step, stream_of
from perdure.models import GoalStatus
from perdure.models.texts import MAX_NESTING, is_nested_too_deeply
from perdure.schemas.steps import MAX_NAME_CHARACTERS, OnceStep
from perdure.stores.database import schema
from perdure.stores.database.engine import Transaction
from perdure.stores.database.errors import InputRefused, StepNotSettled, UnknownGoal, UnknownStep
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.events.event_store import add_event
from perdure.stores.journal.steps import is_step, step_parameters, step_row

_LISTED: Final = 20

_GOALS: Final = schema.goals.c
_INTENTS: Final = schema.intents.c
_STEPS: Final = schema.steps.c
_STATUS: Final = select(_GOALS.status).where(_GOALS.workflow_id == bindparam("run"))
# No worker can claim the run between this and the commit.
_LOCK: Final = _STATUS.with_for_update()
_UNKNOWN: Final = (
    select(_INTENTS.name, _INTENTS.digest, _INTENTS.occurrence, _INTENTS.number, _INTENTS.begun_at)
    .outerjoin(
        schema.steps,
        and_(
            _STEPS.workflow_id == _INTENTS.workflow_id,
            _STEPS.name == _INTENTS.name,
            _STEPS.digest == _INTENTS.digest,
            _STEPS.occurrence == _INTENTS.occurrence,
        ),
    )
    .where(_INTENTS.workflow_id == bindparam("run"), _STEPS.workflow_id.is_(None))
    .order_by(_INTENTS.begun_at, _INTENTS.name, _INTENTS.number, _INTENTS.digest)
)
_JOURNALED: Final = (
    select(_STEPS.name)
    .where(_STEPS.workflow_id == bindparam("run"), _STEPS.name == bindparam("step"))
    .limit(1)
)
_SETTLE: Final = (
    update(schema.intents).where(is_step(schema.intents)).values(settled_by=bindparam("by"))
)
_RECORD: Final = insert(schema.steps)
_CLEAR: Final = delete(schema.intents).where(is_step(schema.intents))


class OnceStepStore(TenantStore):
    """The steps marked ``once`` of all runs."""

    async def unknown(self, workflow_id: str) -> list[OnceStep]:
        """Return the steps of a run whose outcome is unknown, in the order in which they began.

        While a worker executes the run there are none: what was begun may just be under way.

        Raises:
            UnknownGoal: There is no such run.
        """

        def fetch(connection: Connection) -> list[OnceStep]:
            self._tenancy.check_run(connection, workflow_id)
            status: str | None = connection.execute(_STATUS, {"run": workflow_id}).scalar()
            if status is None:
                raise UnknownGoal(workflow_id)
            if status == GoalStatus.RUNNING:
                return []
            return [_once_step(*one) for one in _unknown(connection, workflow_id).items()]

        return await self._database.read(fetch)

    async def settle(
        self, workflow_id: str, step: str, *, by: str, done: bool, value: JsonValue = None
    ) -> OnceStep:
        """Settle a step of unknown outcome, and add an event.

        What was done is in the journal from then on, as if the step had returned; what was not done
        is executed by the next execution that comes to it.

        Args:
            workflow_id: The run.
            step: The step: its name; the name with ``#`` and its number, where several have that
                name; or its :attr:`OnceStep.key`.
            by: Who says so.
            done: Whether it took effect.
            value: What it returned then.

        Returns:
            The step.

        Raises:
            UnknownGoal: There is no such run.
            UnknownStep: The run has no such step.
            StepNotSettled: Its outcome is known, several steps have that name, a worker executes
                the run, or the run has completed.
            InputRefused: The value is not JSON, or the name of the person is not valid.
        """
        _check_person(by)
        text = _as_json(step, value)

        def settle_step(transaction: Transaction) -> OnceStep:
            self._tenancy.check_run(transaction.connection, workflow_id)
            execute = transaction.connection.execute
            status: str | None = execute(_LOCK, {"run": workflow_id}).scalar()
            if status is None:
                raise UnknownGoal(workflow_id)
            _check_status(workflow_id, GoalStatus(status))
            key, begun_at = _find(transaction.connection, workflow_id, step)
            parameters = step_parameters(workflow_id, key)
            if done:
                execute(_SETTLE, parameters | {"by": by})
                row = step_row(workflow_id, key)
                now = datetime.now(UTC)
                execute(_RECORD, row | {"value": text, "seconds": 0.0, "recorded_at": now})
            else:
                execute(_CLEAR, parameters)
            event = {**named_step(key), "done": done, "by": by}
            words = {"input": key.digest} | ({"output": text} if done else {})
            add_event(transaction, workflow_id, "step.settled", event, words=words)
            return _once_step(key, begun_at)

        return await self._database.write(settle_step)


def _once_step(key: StepKey, begun_at: datetime) -> OnceStep:
    return OnceStep(step=key.name, number=key.number, key=stream_of(key), begun_at=begun_at)


def _unknown(connection: Connection, workflow_id: str) -> dict[StepKey, datetime]:
    """Return the steps of unknown outcome, and when each was begun."""
    return {
        StepKey(row.name, row.digest, row.occurrence, row.number): row.begun_at
        for row in connection.execute(_UNKNOWN, {"run": workflow_id})
    }


def _find(connection: Connection, workflow_id: str, step: str) -> tuple[StepKey, datetime]:
    steps = _unknown(connection, workflow_id)
    for named in (
        [key for key in steps if key.name == step],
        [key for key in steps if key.number and f"{key.name}#{key.number}" == step],
        [key for key in steps if stream_of(key) == step],
    ):
        if len(named) > 1:
            raise StepNotSettled(
                f"goal {workflow_id} has {len(named)} steps {step!r} of unknown outcome: name the"
                f" one you mean, {_listed([_name(key, named) for key in named], 'or')}"
            )
        if named:
            return named[0], steps[named[0]]
    others = "none of its steps is"
    if steps:
        others = f"of unknown outcome is {_listed([_name(key, [*steps]) for key in steps], 'and')}"
    if connection.execute(_JOURNALED, {"run": workflow_id, "step": step}).first() is not None:
        raise StepNotSettled(
            f"the outcome of step {step!r} of goal {workflow_id} is known, so there is nothing to"
            f" settle: {others}"
        )
    raise UnknownStep(f"goal {workflow_id} has no step {step!r} of unknown outcome: {others}")


def _name(key: StepKey, keys: Sequence[StepKey]) -> str:
    """Return how a step can be named so that no other of ``keys`` is meant."""
    numbers = [other.number for other in keys if other.name == key.name]
    if len(numbers) == 1:
        return key.name
    is_enough = key.number > 0 and numbers.count(key.number) == 1
    return f"{key.name}#{key.number}" if is_enough else stream_of(key)


def _listed(names: Sequence[str], last: str) -> str:
    shown = [repr(name) for name in names[:_LISTED]]
    if len(names) > _LISTED:
        shown.append(f"{len(names) - _LISTED} more")
    return f" {last} ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _check_status(workflow_id: str, status: GoalStatus) -> None:
    if status is GoalStatus.RUNNING:
        raise StepNotSettled(
            f"goal {workflow_id} is running, and may be at this step: settle it when the goal has"
            " ended or waits, or pause or cancel the goal first"
        )
    if status is GoalStatus.COMPLETED:
        raise StepNotSettled(
            f"goal {workflow_id} has completed, so no step of it is executed again: there is"
            " nothing to settle"
        )


def _check_person(name: str) -> None:
    if not name.strip() or len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        raise InputRefused(
            f"'by' is no name that can be shown: write at most {MAX_NAME_CHARACTERS} characters"
        )


def _as_json(step: str, value: JsonValue) -> str:
    if is_nested_too_deeply(value):
        raise InputRefused(
            f"the value of step {step!r} is nested on more than {MAX_NESTING} levels:"
            " write flatter data"
        )
    try:
        # Half a surrogate pair, which no reader of JSON takes, cannot be encoded.
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        return json.dumps(value)
    except (ValueError, RecursionError) as error:
        raise InputRefused(
            f"the value of step {step!r} is not JSON ({error}): write what it returned as JSON"
        ) from error
