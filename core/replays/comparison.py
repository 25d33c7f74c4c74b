"""The comparison of what an agent has asked for with what is on record of its run."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from perdure.agents.steps.keys import StepKey, stream_of
from perdure.models import Artifact, Failure, GoalStatus, Progress, Result
from perdure.replays.differences import as_text, differences
from perdure.replays.observation import Asked, Observation
from perdure.schemas.replays.recording import RecordedStep, Recording
from perdure.schemas.replays.replay import (
    Difference,
    Replay,
    ReplayedStatus,
    ReplayedStep,
    ReplayEnd,
)

# What the core adds to a result from the ledger, which a replay has none of.
_LEDGERS: Final = frozenset({"tokens_used"})
# What says by itself where the code takes another way.
_TELLING: Final = frozenset({"changed", "new", "removed"})
_NO_STEP: Final = "on record, and no longer asked for"


@dataclass(frozen=True, slots=True)
class Ending:
    """How an agent has ended in a replay.

    Attributes:
        end: Which way.
        result: Its result, if it has completed.
        failure: Why it failed, if it did.
    """

    end: ReplayEnd
    result: Result | None = None
    failure: Failure | None = None


def compare(recording: Recording, observation: Observation, ending: Ending) -> Replay:
    """Return what a replay has found; the caller adds which versions it was."""
    if ending.end == "refused":
        return _refused(recording, ending)
    steps = tuple(_StepComparison(recording, observation, ending.end).rows())
    found = [
        *_end_differences(recording, ending),
        *_progress_differences(recording, observation.progress, ending.end),
        *_artifact_differences(recording, observation.written, ending.end),
    ]
    first = next((_sentence(step) for step in steps if step.status in _TELLING), "")
    if not first and found:
        one = found[0]
        first = f"{one.where}: {one.recorded or 'nothing'} on record, {one.now or 'nothing'} now"
    if not first:
        first = next((_sentence(step) for step in steps if step.status == "unreached"), "")
    return Replay(
        same=not first,
        end=ending.end,
        message=ending.failure.message if ending.failure is not None else "",
        first=first,
        steps=steps,
        differences=tuple(found),
    )


def _refused(recording: Recording, ending: Ending) -> Replay:
    """Return what is found where an agent does not take its goal at all."""
    message = ending.failure.message if ending.failure is not None else ""
    was_refused = recording.status is GoalStatus.FAILED and _failed(recording.error) == _failed(
        ending.failure
    )
    first = "" if was_refused else f"the agent does not take the goal: {message}"
    return Replay(same=was_refused, end="refused", message=message, first=first)


class _StepComparison:
    """Compares the steps that were asked for with those on record."""

    def __init__(self, recording: Recording, observation: Observation, end: ReplayEnd) -> None:
        self._recording = recording
        self._observation = observation
        self._end = end
        self._recorded = {_key_of(step): step for step in recording.steps}
        self._order = {key: number for number, key in enumerate(self._recorded)}
        self._numbers = _numbers_of(self._recorded)
        asked = observation.asked
        outer = {stream_of(key) for key in asked}
        self._left = [
            key
            for key, step in self._recorded.items()
            if key not in asked and not _was_within(step, outer)
        ]
        # Each step that is not on record is the next one of its name that nobody asked for.
        self._changed: dict[StepKey, StepKey] = {}
        for key in asked:
            if key not in self._recorded:
                self._pair(key)
        self._statuses = self._statuses_of_unrecorded()

    def _pair(self, key: StepKey) -> None:
        for recorded in self._left:
            if recorded.name == key.name:
                self._changed[key] = recorded
                self._left.remove(recorded)
                return

    def _statuses_of_unrecorded(self) -> dict[StepKey, ReplayedStatus]:
        unfinished = Counter(self._recording.unfinished)
        # A run that was cut off may have been about to do what comes next.
        is_open_ended = (
            self._recording.status not in {GoalStatus.COMPLETED, GoalStatus.WAITING}
            and not (self._recording.status is GoalStatus.FAILED and unfinished)
            and not self._left
            and not self._changed
        )
        statuses: dict[StepKey, ReplayedStatus] = {}
        for key in self._observation.asked:
            if key in self._recorded or key in self._changed:
                continue
            if unfinished[key.name] > 0:
                unfinished[key.name] -= 1
                statuses[key] = "open"
            else:
                statuses[key] = "open" if is_open_ended else "new"
        return statuses

    def rows(self) -> Iterator[ReplayedStep]:
        """Yield the steps in the order of the replay, those left out where they are on record."""
        left = list(self._left)
        is_cut_off = self._end == "failed" or (
            self._end == "stopped" and bool(self._changed or "new" in self._statuses.values())
        )
        matched = [*self._changed.values(), *(self._observation.asked.keys() & self._order.keys())]
        last = max((self._order[key] for key in matched), default=-1)
        for key, asked in self._observation.asked.items():
            place = self._order.get(self._changed.get(key, key))
            while left and place is not None and self._order[left[0]] < place:
                yield self._left_out(left.pop(0), "removed", _NO_STEP)
            yield self._asked(key, asked)
        for key in left:
            if is_cut_off and self._order[key] > last:
                yield self._left_out(key, "unreached", "on record, and not reached")
            else:
                yield self._left_out(key, "removed", _NO_STEP)

    def _asked(self, key: StepKey, asked: Asked) -> ReplayedStep:
        shown = {
            "name": f"{key.name}#{key.number}",
            "key": stream_of(key),
            "input": self._observation.inputs.get(key, ""),
        }
        if asked.answered:
            return ReplayedStep(status="same", **shown)
        if key in self._recorded:
            state = self._recorded[key].state
            detail = "waited for on record too" if state == "waiting" else "of unknown outcome"
            return ReplayedStep(status="open", detail=detail, **shown)
        if key in self._changed:
            detail = f"another input than on record: {asked.would}"
            shown["key"] = stream_of(self._changed[key])
            return ReplayedStep(status="changed", detail=detail, **shown)
        status = self._statuses[key]
        detail = "where the record ends" if status == "open" else f"not on record: {asked.would}"
        return ReplayedStep(status=status, detail=detail, **shown)

    def _left_out(self, key: StepKey, status: ReplayedStatus, detail: str) -> ReplayedStep:
        name = f"{key.name}#{self._numbers[key]}"
        return ReplayedStep(name=name, key=stream_of(key), status=status, detail=detail)


def _key_of(step: RecordedStep) -> StepKey:
    return StepKey(step.name, step.digest, step.occurrence)


def _numbers_of(steps: dict[StepKey, RecordedStep]) -> dict[StepKey, int]:
    counts: Counter[str] = Counter()
    numbers: dict[StepKey, int] = {}
    for key in steps:
        counts[key.name] += 1
        numbers[key] = counts[key.name]
    return numbers


def _was_within(step: RecordedStep, outer: set[str]) -> bool:
    """Return whether a step is part of one that was asked for, whose function is not called now.

    Of what was taken over from another run that is not known.
    """
    return step.taken_over or (step.within is not None and step.within in outer)


def _end_differences(recording: Recording, ending: Ending) -> list[Difference]:
    status = recording.status
    if ending.end == "completed":
        if status is GoalStatus.COMPLETED:
            return differences(_plain(recording.result), _plain(ending.result), "result")
        if status is GoalStatus.FAILED:
            return [Difference(where="end", recorded=_failed(recording.error), now='"completed"')]
        return []  # it was stopped, or is under way: it might have come to this
    if ending.end != "failed":
        return []
    now = _failed(ending.failure)
    if status is GoalStatus.FAILED:
        recorded = _failed(recording.error)
        return [] if recorded == now else [Difference(where="end", recorded=recorded, now=now)]
    return [Difference(where="end", recorded=as_text(status.value), now=now)]


def _failed(failure: Failure | None) -> str | None:
    said = "" if failure is None else f": {failure.type}: {failure.message}"
    return as_text(f"failed{said}")


def _plain(result: Result | None) -> JsonValue:
    if result is None:
        return None
    plain: dict[str, JsonValue] = result.model_dump(mode="json", exclude={"usage", "artifacts"})
    metadata = {name: value for name, value in result.metadata.items() if name not in _LEDGERS}
    return plain | {"metadata": metadata}


def _progress_differences(
    recording: Recording, reported: list[Progress], end: ReplayEnd
) -> Iterator[Difference]:
    if recording.throttled:
        return
    on_record = Counter((one.percentage, one.message) for one in recording.progress)
    now = Counter((one.percentage, one.message) for one in reported)
    # What was reported while a step was under way may have come from its function.
    of_agent = Counter(
        (one.percentage, one.message) for one in recording.progress if one.step is None
    )
    if end == "completed":
        for (percentage, message), count in of_agent.items():
            if now[percentage, message] < count:
                yield Difference(where="progress", recorded=_progress(percentage, message))
    for (percentage, message), count in now.items():
        if on_record[percentage, message] < count and _is_over(recording.status):
            yield Difference(where="progress", now=_progress(percentage, message))


def _is_over(status: GoalStatus) -> bool:
    """Return whether all that was reported up to where the run stands is on record."""
    return status in {GoalStatus.COMPLETED, GoalStatus.FAILED, GoalStatus.WAITING}


def _progress(percentage: float, message: str) -> str | None:
    return as_text(f"{percentage:g} %  {message}")


def _artifact_differences(
    recording: Recording, written: list[Artifact], end: ReplayEnd
) -> Iterator[Difference]:
    on_record = {(one.artifact.name, one.artifact.digest) for one in recording.artifacts}
    recorded = {one.artifact.name: one.artifact for one in recording.artifacts}
    now = {artifact.name: artifact for artifact in written}
    for artifact in written:
        if (artifact.name, artifact.digest) not in on_record and _is_over(recording.status):
            yield Difference(
                where=f"artifact {artifact.name}",
                recorded=_described(recorded.get(artifact.name)),
                now=_described(artifact),
            )
    if end != "completed":
        return
    for name in dict.fromkeys(one.artifact.name for one in recording.artifacts if one.by_agent):
        if name not in now:
            yield Difference(where=f"artifact {name}", recorded=_described(recorded[name]))


def _described(artifact: Artifact | None) -> str | None:
    if artifact is None:
        return None
    return as_text(f"{artifact.size} bytes, {artifact.digest[:19]}")


def _sentence(step: ReplayedStep) -> str:
    return f"step {step.name}: {step.detail}"
