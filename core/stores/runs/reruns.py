"""Runs that are made from others: the record of a new one, with the part of a journal it keeps."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import JsonValue
from sqlalchemy import Connection, String, Table, bindparam, delete, insert, select

from perdure.agents.steps.journal import score_step
from perdure.agents.steps.keys import OF_THE_POLICY, StepKey, stream_of
from perdure.messages import WaitKind
from perdure.models import Goal, GoalRecord, Model, Origin
from perdure.schemas.timelines import Span, Timeline
from perdure.stores.audit.words import words_of_goal
from perdure.stores.database import schema
from perdure.stores.database.engine import Transaction
from perdure.stores.database.errors import StateConflict, UnknownStep
from perdure.stores.database.goal_index import index_new_goal
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.events.event_store import add_event
from perdure.stores.journal.signals import signal_wait
from perdure.stores.journal.steps import is_step, step_parameters
from perdure.stores.journal.wait_ids import step_wait, wait_id
from perdure.stores.notebook.tables import notebook_entries
from perdure.stores.objects.content_records import use_contents_of
from perdure.stores.retention.holds import check_not_being_deleted
from perdure.stores.runs.goals import goal_row
from perdure.stores.runs.scores import scores_of
from perdure.stores.timelines.building import build_timeline, keys_of_ended
from perdure.stores.timelines.rows import TimelineRows, read_rows

# The claim of a run that has a journal and no execution yet: its first one counts as a later one,
# and goes on from the journal. Any execution that Temporal schedules is later than its time.
_FENCE: Final = "made-from"
_FENCE_TIME: Final = datetime.fromtimestamp(0, UTC)
_SHOWN_STEPS: Final = 20

_GOALS: Final = schema.goals.c
_CREATE: Final = insert(schema.goals)
_DELETE: Final = delete(schema.goals).where(
    _GOALS.workflow_id == bindparam("run"), _GOALS.fence.is_(None) | (_GOALS.fence == _FENCE)
)
_CHILDREN: Final = (
    select(_GOALS.workflow_id)
    .where(_GOALS.made_from == bindparam("run"))
    .order_by(_GOALS.started_at, _GOALS.workflow_id)
    .limit(100)
)


def _copy_of(table: Table, *conditions: Any) -> Any:
    """Return the statement that copies rows of a run's table to another run."""
    columns = [column for column in table.c if column.name != "workflow_id"]
    rows = select(bindparam("new", type_=String), *columns).where(*conditions)
    return insert(table).from_select(["workflow_id", *(column.name for column in columns)], rows)


_COPY_STEP: Final = _copy_of(schema.steps, is_step(schema.steps))
_COPY_SIGNAL: Final = _copy_of(
    schema.signals,
    schema.signals.c.workflow_id == bindparam("run"),
    schema.signals.c.name == bindparam("signal"),
    schema.signals.c.number == bindparam("nth"),
)
_COPY_ARTIFACTS: Final = _copy_of(
    schema.artifacts,
    schema.artifacts.c.workflow_id == bindparam("run"),
    schema.artifacts.c.stored_at <= bindparam("until"),
)
_COPY_NOTEBOOK: Final = _copy_of(
    notebook_entries,
    notebook_entries.c.workflow_id == bindparam("run"),
    notebook_entries.c.written_at <= bindparam("until"),
)
_COPY_SCORES: Final = _copy_of(
    schema.scores,
    schema.scores.c.workflow_id == bindparam("run"),
    schema.scores.c.by_agent,
    schema.scores.c.name.in_(bindparam("names", expanding=True)),
)
_SIGNALS: Final = select(
    schema.signals.c.name, schema.signals.c.number, schema.signals.c.sent_at
).where(schema.signals.c.workflow_id == bindparam("run"))
_SIGNAL_WAITS: Final = select(schema.waits.c.wait_id, schema.waits.c.step).where(
    schema.waits.c.workflow_id == bindparam("run"),
    schema.waits.c.kind == WaitKind.SIGNAL.value,
)


class Rerun(Model):
    """A run that was made from another one.

    Attributes:
        workflow_id: The new run.
        taken_over: How many finished steps it has from the other one's journal.
    """

    workflow_id: str
    taken_over: int = 0


class RerunStore(TenantStore):
    """Makes runs from others."""

    async def create(
        self,
        goal: Goal,
        workflow_id: str,
        source: GoalRecord,
        *,
        from_step: str | None,
        by: str,
        agent_version: str | None = None,
    ) -> Rerun:
        """Create the record of a new run, with the journal of another one up to a step.

        What that run had begun and finished before the step is taken over: the outcomes of its
        steps, what people answered, the signals it received, and the files it had stored by then.
        The new run executes the step, whatever came after it, and every step whose input is another
        by now.

        Args:
            goal: The goal of the new run.
            workflow_id: Its workflow id.
            source: The run that it is made from.
            from_step: The step: its name; the name with ``#`` and its number; or its key. ``None``
                takes nothing over.
            by: Who has it run again.
            agent_version: The distribution and version that will run it.

        Raises:
            UnknownGoal: There is no such run to make it from.
            UnknownStep: That run has no such step.
            AmbiguousStep: Several steps have that name.
            StateConflict: That run is being deleted.
        """

        def create(transaction: Transaction) -> Rerun:
            execute = transaction.connection.execute
            self._tenancy.check_run(transaction.connection, source.workflow_id)
            if from_step is None:
                span, kept = None, []
            else:
                check_not_being_deleted(transaction.connection, source.workflow_id)
                rows = read_rows(transaction.connection, source.workflow_id)
                timeline = build_timeline(source, rows)
                span = _find(_steps(timeline, rows), source.workflow_id, from_step)
                kept = _finished_before(timeline, rows, span)
            origin = Origin(workflow_id=source.workflow_id, step=span.name if span else None, by=by)
            row = goal_row(goal, workflow_id, datetime.now(UTC), agent_version) | {
                "tenant": source.tenant,
                "made_from": source.workflow_id,
                "made_from_step": origin.step,
                "made_by": by,
            }
            if span is not None:
                row |= {"fence": _FENCE, "fence_time": _FENCE_TIME}
            execute(_CREATE, row)
            index_new_goal(transaction, workflow_id, goal.goal_id, goal.description)
            if span is not None:
                _copy(transaction.connection, source, workflow_id, span, kept)
                use_contents_of(transaction.connection, workflow_id)
            event: dict[str, JsonValue] = {
                "made_from": origin.model_dump(mode="json"),
                "taken_over": len(kept),
            }
            words = words_of_goal(row)
            add_event(transaction, workflow_id, "run.started", event, words=words)
            return Rerun(workflow_id=workflow_id, taken_over=len(kept))

        return await self._database.write(create)

    async def steps(self, source: GoalRecord) -> list[Span]:
        """Return the steps of a run from which another may go on, in order of their beginning.

        Those are there too that it has taken over from a run itself.

        Raises:
            UnknownGoal: There is no such run.
        """

        def read(connection: Connection) -> list[Span]:
            self._tenancy.check_run(connection, source.workflow_id)
            rows = read_rows(connection, source.workflow_id)
            return [*_steps(build_timeline(source, rows), rows).values()]

        return await self._database.read(read)

    async def check_step(self, source: GoalRecord, step: str) -> None:
        """Check that a run has a step from which another may go on.

        Raises:
            UnknownGoal: There is no such run.
            UnknownStep: It has no such step.
            AmbiguousStep: Several steps have that name.
        """
        steps = {span.name: span for span in await self.steps(source)}
        _find(steps, source.workflow_id, step)

    async def withdraw(self, workflow_id: str) -> None:
        """Delete a run that was made and could not be started, unless it is being executed.

        Raises:
            UnknownGoal: There is no such run.
        """

        def withdraw(transaction: Transaction) -> None:
            self._tenancy.check_run(transaction.connection, workflow_id)
            transaction.connection.execute(_DELETE, {"run": workflow_id})

        await self._database.write(withdraw)

    async def made_from(self, workflow_id: str) -> list[str]:
        """Return the runs that were made from a run, the oldest first, 100 at most.

        Raises:
            UnknownGoal: There is no such run.
        """

        def read(connection: Connection) -> list[str]:
            self._tenancy.check_run(connection, workflow_id)
            return list(connection.execute(_CHILDREN, {"run": workflow_id}).scalars())

        return await self._database.read(read)


class AmbiguousStep(StateConflict):
    """Several steps of the run have that name."""


def _steps(timeline: Timeline, rows: TimelineRows) -> dict[str, Span]:
    """Return the steps of a run by name, in order of their beginning."""
    steps: dict[str, Span] = {}
    numbers: Counter[str] = Counter()
    for row in rows.steps:
        if row["recorded_at"] < timeline.started_at:  # taken over: it has no event here
            numbers[row["name"]] += 1
            number = numbers[row["name"]]
            name = f"{row['name']}#{number}"
            steps[name] = Span(
                label=f"{row['name']} ({number})" if number > 1 else row["name"],
                name=name,
                key=stream_of(StepKey(row["name"], row["digest"], row["occurrence"])),
                status="failed" if row["failed"] else "completed",
                started_at=row["recorded_at"] - timedelta(seconds=row["seconds"]),
                ended_at=row["recorded_at"],
            )
    # Of a step that several executions began, the last: what it came to is in the journal.
    for execution in timeline.executions:
        steps |= {span.name: span for span in execution.spans}
    return dict(sorted(steps.items(), key=lambda item: item[1].started_at))


def _find(spans: Mapping[str, Span], workflow_id: str, step: str) -> Span:
    for named in (
        [span for span in spans.values() if span.name.rpartition("#")[0] == step],
        [span for span in spans.values() if span.name == step],
        [span for span in spans.values() if span.key == step],
    ):
        if len(named) > 1:
            raise AmbiguousStep(
                f"goal {workflow_id} has {len(named)} steps {step!r}: name the one you"
                f" mean, {_listed([span.name for span in named])}"
            )
        if named:
            return named[0]
    raise UnknownStep(
        f"goal {workflow_id} has no step {step!r} to go on from: it has"
        f" {_listed([*spans]) or 'none yet'}"
    )


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - _SHOWN_STEPS} more" if len(names) > _SHOWN_STEPS else ""
    return ", ".join(map(repr, names[:_SHOWN_STEPS])) + more


def _finished_before(timeline: Timeline, rows: TimelineRows, span: Span) -> list[StepKey]:
    """Return the steps that a run had begun before a span began, and finished before it ended.

    Not only what had ended before it began, or of ten pages that are read at once all would be
    read again for the sake of the last; and nothing that ended later, for the span may be a part
    of it.
    """
    started = {
        one.key: one.started_at for execution in timeline.executions for one in execution.spans
    }
    # By the numbers of events: a wait's times are Temporal's, whose clock is another.
    ends = {
        stream_of(key): number for number, key in keys_of_ended(rows, timeline.started_at).items()
    }
    last = ends.get(span.key or "")
    kept: list[StepKey] = []
    for row in rows.steps:
        key = StepKey(row["name"], row["digest"], row["occurrence"])
        if key.name in OF_THE_POLICY:  # today's rules decide
            continue
        name = stream_of(key)
        # Of a step that this run took over itself there is no event.
        began = started.get(name) or row["recorded_at"] - timedelta(seconds=row["seconds"])
        if last is not None:
            has_ended = ends.get(name, 0) < last
        else:
            has_ended = span.ended_at is None or row["recorded_at"] < span.ended_at
        if name != span.key and began < span.started_at and has_ended:
            kept.append(key)
    return kept


def _copy(
    connection: Connection, record: GoalRecord, new: str, span: Span, kept: list[StepKey]
) -> None:
    source, source_started_at = record.workflow_id, record.started_at
    run = {"run": source, "new": new}
    if kept:
        connection.execute(
            _COPY_STEP, [step_parameters(source, key) | {"new": new} for key in kept]
        )
    # So that the next signal of a name is the next of that name here too.
    steps = set(map(step_wait, kept))
    waits = {row.wait_id: row.step for row in connection.execute(_SIGNAL_WAITS, {"run": source})}
    signals: list[dict[str, object]] = []
    for name, number, sent_at in connection.execute(_SIGNALS, {"run": source}):
        waiting = waits.get(wait_id(source, signal_wait(name, number)))
        # The wait for one that was taken over is in the run that it came from.
        was_taken_over = waiting is None and sent_at < source_started_at
        if waiting in steps or (was_taken_over and sent_at < span.started_at):
            signals.append({**run, "signal": name, "nth": number})
    if signals:
        connection.execute(_COPY_SIGNAL, signals)
    connection.execute(_COPY_ARTIFACTS, {**run, "until": span.started_at})
    connection.execute(_COPY_NOTEBOOK, {**run, "until": span.started_at})
    kept_names = {key.name for key in kept}
    scored = {score.name for score in scores_of(connection, source)}
    names = [name for name in scored if score_step(name) in kept_names]
    connection.execute(_COPY_SCORES, {**run, "names": names})
