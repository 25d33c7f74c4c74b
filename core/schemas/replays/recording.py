"""A recording: all that is on record of a run and that its agent's code is compared with."""

from collections.abc import Mapping
from typing import Literal

from perdure.models import Artifact, Failure, Goal, GoalStatus, Result, Usage
from perdure.models.base import LastingModel

StepState = Literal["finished", "waiting", "unknown"]


class RecordedStep(LastingModel):
    """A step of a run's journal, or a wait that is open.

    Attributes:
        name: Its name.
        digest: SHA-256 of its input.
        occurrence: How many of that name and input came before it.
        state: ``finished``: its outcome is known. ``waiting``: the run waits for it. ``unknown``:
            it is marked ``once``, has begun, and nobody knows whether it took effect.
        value: Its value as JSON text; ``None`` when it lies among the contents.
        content: The digest of that content.
        failure: Why it failed.
        usage: What it used of models.
        within: The step in whose function it was executed, by name, digest and occurrence; ``None``
            when it was not.
        taken_over: Whether it comes from the journal of another run.
    """

    name: str
    digest: str
    occurrence: int
    state: StepState = "finished"
    value: str | None = None
    content: str | None = None
    failure: Failure | None = None
    usage: Usage = Usage()
    within: str | None = None
    taken_over: bool = False


class RecordedProgress(LastingModel):
    """Progress that a run has reported.

    Attributes:
        percentage: 0 to 100.
        message: What was being done.
        step: The step that was under way; the agent itself reported it when there was none.
    """

    percentage: float
    message: str = ""
    step: str | None = None


class RecordedArtifact(LastingModel):
    """A file that a run has made, each time that it was stored.

    Attributes:
        artifact: The file.
        by_agent: Whether no step was under way then, so that the agent itself stored it.
    """

    artifact: Artifact
    by_agent: bool = False


class Recording(LastingModel):
    """What is on record of a run.

    Attributes:
        format: 1.
        workflow_id: The run.
        goal: Its goal.
        status: How it stands.
        versions: The plugin's distribution and version, of each that the run has had, the first
            first.
        result: Its result, in part unless it has completed.
        error: Why it failed.
        steps: Its steps and open waits, in order of their end.
        unfinished: The names of steps that had begun and have no outcome: they failed and ended an
            attempt, or were cut off.
        progress: Its progress, in order.
        throttled: Whether so much was reported that not all of it is there.
        artifacts: The files it has stored, in order.
        contents: The contents of files and of large values by digest, in base64; those that are
            not here are read from the stores.
        denied: The name of the step of which the policy's no was that the run has failed with, and
            that is in no journal; empty where it was of the goal itself, so that its agent never
            began; ``None`` where the run has not failed with one.
        renames: Paths of this machine in texts, and what stands for them on record.
    """

    format: Literal[1] = 1
    workflow_id: str
    goal: Goal
    status: GoalStatus
    versions: tuple[str, ...] = ()
    result: Result | None = None
    error: Failure | None = None
    steps: tuple[RecordedStep, ...] = ()
    unfinished: tuple[str, ...] = ()
    progress: tuple[RecordedProgress, ...] = ()
    throttled: bool = False
    artifacts: tuple[RecordedArtifact, ...] = ()
    contents: Mapping[str, str] = {}
    denied: str | None = None
    renames: tuple[tuple[str, str], ...] = ()
