"""A replay: where an agent's code takes another way than the record of a run."""

from typing import Literal

from perdure.models import GoalStatus
from perdure.models.base import LastingModel

ReplayedStatus = Literal["same", "open", "changed", "new", "removed", "unreached"]
ReplayEnd = Literal["completed", "failed", "stopped", "refused", "lost"]


class ReplayedStep(LastingModel):
    """A step or a wait, of the record or of the code.

    Attributes:
        name: Its name and its number among those so called, such as ``read#3``.
        key: Names it alone: name, input and occurrence; those on record where the input is changed.
        status: ``same``: the record answers it. ``open``: it has no outcome on record either.
            ``changed``: the record has one of that name with another input. ``new``: the record has
            none of that name. ``removed``: the record has it, and the code asks for it no more.
            ``unreached``: the record has it, and the replay has stopped before it.
        input: What the code hands it, as JSON and cut where it is long; empty when it does not ask
            for it.
        detail: What the code would do there, or what is on record, for people.
    """

    name: str
    key: str
    status: ReplayedStatus
    input: str = ""
    detail: str = ""


class Difference(LastingModel):
    """Something other than a step that differs: progress, a file, a field of the result.

    Attributes:
        where: What differs, such as ``result.data.total``.
        recorded: What is on record, as JSON and cut where it is long; ``None`` for nothing.
        now: What the code makes, likewise.
    """

    where: str
    recorded: str | None = None
    now: str | None = None


class Replay(LastingModel):
    """What became of a run's agent over the run's record.

    Attributes:
        version: The distribution and version of the plugin that was replayed; empty without one.
        perdure: The version of Perdure there.
        python: The interpreter.
        same: Whether the code goes the way of the record, as far as that goes.
        end: How the agent ended: ``completed`` and ``failed`` as goals do; ``stopped`` where it
            asks for what has no outcome on record; ``refused``: it was not started; ``lost``: its
            process ended, or took too long.
        message: Why it failed, was refused or lost.
        first: The first difference in a sentence; empty when there is none.
        steps: The steps, in the order of the replay.
        differences: What else differs.
    """

    version: str = ""
    perdure: str = ""
    python: str = ""
    same: bool = False
    end: ReplayEnd
    message: str = ""
    first: str = ""
    steps: tuple[ReplayedStep, ...] = ()
    differences: tuple[Difference, ...] = ()


class GoalReplay(LastingModel):
    """The replays of one run, each with another version of its agent's plugin.

    Attributes:
        workflow_id: The run.
        agent_type: Its agent.
        status: How it stands.
        recorded: The versions of the plugin that ran it, the first first.
        same: Whether every replay goes the way of the record.
        replays: The replays; the one with what is installed here comes first.
    """

    workflow_id: str
    agent_type: str
    status: GoalStatus
    recorded: tuple[str, ...] = ()
    same: bool
    replays: tuple[Replay, ...]


class ReplayReport(LastingModel):
    """The replays of several runs.

    Attributes:
        same: How many of them go the way of their records.
        different: How many do not.
        goals: The runs, newest first.
    """

    same: int
    different: int
    goals: tuple[GoalReplay, ...]
