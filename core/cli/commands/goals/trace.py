"""``perdure goals trace``: what a goal did when, and what that cost, as a tree."""

from collections import deque
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.output.printing import print_json
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import goal_argument, json_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend
    from perdure.schemas.timelines import DelegatedRun, Timeline
    from perdure.timelines.traced_runs import TracedRun

# Of a goal with more delegates those beyond are one line each.
_MOST_TIMELINES: Final = 200
_AT_ONCE: Final = 4


@click.command()
@goal_argument
@json_option
@handle_errors
def trace(goal: str, as_json: bool) -> None:
    """Show a goal's executions, steps and delegates as a tree, with times and money.

    It is read from the events, the journal and the ledger: no tracing backend is needed.
    """

    async def print_goal_trace(backend: "Backend") -> None:
        from perdure.cli.output.goal_trace import print_trace
        from perdure.settings import Settings

        run = await _read(backend, await backend.find_goal(goal))
        if as_json:
            print_json(run)
        else:
            print_trace(run, Settings().trace_address(run.trace_id))

    run_with_backend(print_goal_trace)


async def _read(backend: "Backend", workflow_id: str) -> "TracedRun":
    """Return a run with its timeline, and with those of its delegates, the upper ones first."""
    from perdure.timelines.traced_runs import TracedRun

    record = await backend.goal(workflow_id)
    timeline = await backend.timeline(workflow_id)
    timelines, errors = await _read_delegates(backend, timeline)

    def below(runs: "tuple[DelegatedRun, ...]") -> "tuple[TracedRun, ...]":
        return tuple(
            TracedRun(
                **run.model_dump(exclude={"delegates"}),
                error=errors.get(run.workflow_id),
                timeline=_alone(timelines.get(run.workflow_id)),
                delegates=below(run.delegates),
            )
            for run in runs
        )

    return TracedRun(
        **record.model_dump(include={"workflow_id", "goal_id", "agent_type", "description"}),
        status=record.status,
        started_at=record.started_at,
        ended_at=record.ended_at,
        trace_id=record.trace_id,
        error=record.error.message if record.error else None,
        usage=timeline.usage,
        timeline=_alone(timeline),
        delegates=below(timeline.delegates),
    )


async def _read_delegates(
    backend: "Backend", timeline: "Timeline"
) -> "tuple[dict[str, Timeline], dict[str, str]]":
    """Return the timelines of delegates, and why those failed that did, by their runs."""
    import asyncio

    timelines: dict[str, Timeline] = {}
    errors: dict[str, str] = {}
    free = asyncio.Semaphore(_AT_ONCE)

    async def read(run: "DelegatedRun") -> None:
        async with free:
            timelines[run.workflow_id] = await backend.timeline(run.workflow_id)
            if run.status.final and run.status != "completed":
                error = (await backend.goal(run.workflow_id)).error
                errors[run.workflow_id] = error.message if error else ""

    async with asyncio.TaskGroup() as tasks:
        for run in _upper_first(timeline.delegates)[:_MOST_TIMELINES]:
            tasks.create_task(read(run))
    return timelines, errors


def _upper_first(runs: "tuple[DelegatedRun, ...]") -> "list[DelegatedRun]":
    found: list[DelegatedRun] = []
    left = deque(runs)
    while left:
        run = left.popleft()
        found.append(run)
        left += run.delegates
    return found


def _alone(timeline: "Timeline | None") -> "Timeline | None":
    """Return a timeline without its delegates, which the tree has in their own places."""
    return timeline and timeline.model_copy(update={"delegates": ()})
