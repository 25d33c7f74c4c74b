"""The recording store: all that is on record of a run, for its replay."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, bindparam, select

from perdure.agents.steps.errors import PolicyDenied
from perdure.agents.steps.keys import OF_THE_POLICY, StepKey
from perdure.models import Artifact, Failure, GoalRecord, Usage
from perdure.schemas.replays.recording import (
    RecordedArtifact,
    RecordedProgress,
    RecordedStep,
    Recording,
    StepState,
)
from perdure.schemas.timelines import Span, Timeline
from perdure.stores.database import schema
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.events.event_writer import MAX_UNTHROTTLED
from perdure.stores.timelines.building import build_timeline, keys_of_ended
from perdure.stores.timelines.rows import TimelineRows, read_rows

_STEPS: Final = schema.steps.c
_EVENTS: Final = schema.events.c
_INTENTS: Final = schema.intents.c
_VALUES: Final = (
    select(
        _STEPS.name,
        _STEPS.digest,
        _STEPS.occurrence,
        _STEPS.value,
        _STEPS.content,
        _STEPS.failure,
        _STEPS.usage,
        _STEPS.recorded_at,
    )
    .where(_STEPS.workflow_id == bindparam("run"))
    .order_by(_STEPS.recorded_at, _STEPS.name, _STEPS.digest, _STEPS.occurrence)
)
_BEGUN: Final = (
    select(_INTENTS.name, _INTENTS.digest, _INTENTS.occurrence)
    .where(_INTENTS.workflow_id == bindparam("run"))
    .order_by(_INTENTS.begun_at)
)
_EMITTED: Final = (
    select(_EVENTS.type, _EVENTS.time, _EVENTS.data)
    .where(
        _EVENTS.workflow_id == bindparam("run"),
        _EVENTS.type.in_(["progress", "artifact", "policy.decided"]),
    )
    .order_by(_EVENTS.number)
)
# A step's row says when it was recorded, and its seconds how long before its function had begun:
# the function may have begun earlier by what recording took.
_RECORDING_TOOK: Final = timedelta(seconds=1)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Rows:
    timeline: TimelineRows
    steps: Sequence[RowMapping]
    begun: Sequence[RowMapping]
    emitted: Sequence[RowMapping]


class RecordingStore(TenantStore):
    """What is on record of runs."""

    async def of(self, record: GoalRecord) -> Recording:
        """Return all that is on record of a run, but for the contents in object storage.

        Args:
            record: The run, as the goal store has it.

        Raises:
            UnknownGoal: There is no such run.
            StoreUnavailable: The database does not answer.
        """

        def read(connection: Connection) -> _Rows:
            self._tenancy.check_run(connection, record.workflow_id)
            run = {"run": record.workflow_id}
            return _Rows(
                read_rows(connection, record.workflow_id),
                connection.execute(_VALUES, run).mappings().all(),
                connection.execute(_BEGUN, run).mappings().all(),
                connection.execute(_EMITTED, run).mappings().all(),
            )

        rows = await self._database.read(read)
        return await asyncio.to_thread(_recording, record, rows)


def _recording(record: GoalRecord, rows: _Rows) -> Recording:
    timeline = build_timeline(record, rows.timeline)
    progress = [
        RecordedProgress.model_validate_json(row["data"])
        for row in rows.emitted
        if row["type"] == "progress"
    ]
    return Recording(
        workflow_id=record.workflow_id,
        goal=record.asked(),
        status=record.status,
        versions=_versions(record, rows.timeline),
        result=record.result,
        error=record.error,
        steps=tuple(_steps(record, rows)),
        unfinished=tuple(_unfinished(timeline)),
        progress=tuple(progress),
        throttled=len(progress) >= MAX_UNTHROTTLED,
        artifacts=tuple(_artifacts(timeline, rows.emitted)),
        denied=_denied(record, rows.emitted),
    )


def _denied(record: GoalRecord, emitted: Sequence[RowMapping]) -> str | None:
    """Return of which step the policy's no was that a run has failed with; empty of the goal."""
    if record.error is None or record.error.type != PolicyDenied.__name__:
        return None
    decisions = [json.loads(row["data"]) for row in emitted if row["type"] == "policy.decided"]
    denials = [decision for decision in decisions if decision["outcome"] == "deny"]
    return str(denials[-1].get("step", "")) if denials else None


def _versions(record: GoalRecord, rows: TimelineRows) -> tuple[str, ...]:
    """Return the versions of the plugin: of the first execution, and of those that came later."""
    later = [str(event.data.get("agent_version") or "") for event in rows.events]
    return tuple(filter(None, dict.fromkeys([record.agent_version or "", *later])))


def _steps(record: GoalRecord, rows: _Rows) -> Iterator[RecordedStep]:
    within = _within(record, rows.timeline)
    finished: set[StepKey] = set()
    for row in rows.steps:
        key = StepKey(row["name"], row["digest"], row["occurrence"])
        finished.add(key)
        if key.name in OF_THE_POLICY:  # a replay is judged by none
            continue
        yield RecordedStep(
            name=key.name,
            digest=key.digest,
            occurrence=key.occurrence,
            value=None if row["content"] is not None else row["value"],
            content=row["content"],
            failure=Failure.model_validate_json(row["failure"]) if row["failure"] else None,
            usage=Usage.model_validate_json(row["usage"]) if row["usage"] else Usage(),
            within=within.get(key),
            taken_over=row["recorded_at"] < record.started_at,
        )
    for row in rows.begun:
        key = StepKey(row["name"], row["digest"], row["occurrence"])
        if key not in finished:
            yield _without_outcome(key, "unknown")
    for row in rows.timeline.waits:
        key = _key_of_wait(row)
        if key not in finished and key.name not in OF_THE_POLICY:
            yield _without_outcome(key, "waiting")


def _without_outcome(key: StepKey, state: StepState) -> RecordedStep:
    return RecordedStep(name=key.name, digest=key.digest, occurrence=key.occurrence, state=state)


def _key_of_wait(row: RowMapping) -> StepKey:
    name, digest, occurrence = row["step"].rsplit(":", 2)
    return StepKey(name, digest, int(occurrence))


def _within(record: GoalRecord, rows: TimelineRows) -> Mapping[StepKey, str]:
    """Return in which other step each step was executed that was executed in one."""
    keys = keys_of_ended(rows, record.started_at)
    outer = {event.number: event.data.get("within") for event in rows.events}
    return {key: str(outer[number]) for number, key in keys.items() if outer[number]}


def _unfinished(timeline: Timeline) -> Iterator[str]:
    """Yield the names of the steps without an outcome that the last execution had begun."""
    if not timeline.executions:
        return
    for span in timeline.executions[-1].spans:
        has_outcome = span.key is not None or span.status == "completed"
        if not has_outcome and span.kind in {"step", "model"}:
            yield span.name.rpartition("#")[0]


def _artifacts(timeline: Timeline, emitted: Sequence[RowMapping]) -> Iterator[RecordedArtifact]:
    spans = [
        span
        for execution in timeline.executions
        for span in execution.spans
        if span.kind in {"step", "model"}
    ]
    for row in emitted:
        if row["type"] == "artifact":
            data: dict[str, Any] = json.loads(row["data"])
            yield RecordedArtifact(
                artifact=Artifact.model_validate(data),
                by_agent=not any(_was_under_way(span, row["time"]) for span in spans),
            )


def _was_under_way(span: Span, at: datetime) -> bool:
    return span.started_at - _RECORDING_TOOK <= at <= (span.ended_at or _LATEST)
