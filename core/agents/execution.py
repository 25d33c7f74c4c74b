"""Executes an agent from its first line to its result, or to where it has to wait."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from perdure.agents.factory import AnyAgent
from perdure.agents.hookspecs.agent_class import check_result
from perdure.agents.runs.run import Run
from perdure.agents.steps.errors import PermanentError, catch_exits, failure_from
from perdure.agents.steps.run_closed import Cancelled, Interrupted, RunClosed, Suspended
from perdure.agents.steps.steps import Steps
from perdure.models import Progress, Result
from perdure.redaction import data_without_secrets, without_secrets
from perdure.telemetry.traces.library_spans import answered_work_left_out

PARTIAL_RESULT_SECONDS: Final = 10.0
CLEANUP_SECONDS: Final = 30.0
# An execution that waits ends once nothing was in flight for this long: enough for a branch of the
# agent that is between two steps to get to its next one.
QUIET_SECONDS: Final = 0.02
# Some agents need no more than that a tool is called, or are done before it is.
_NO_RESULT: Final = "the agent has ended, and its model was sent no result"
# How long a cancelled agent may take to end; then it is abandoned, with a closed run.
CANCEL_SECONDS: Final = 5.0


async def execute_agent(
    agent: AnyAgent, run: Run, *, on_cancel: Callable[[], RunClosed] = Cancelled
) -> Result:
    """Execute an agent and return its result.

    Args:
        agent: The agent.
        run: Its run.
        on_cancel: Why the run is closed when this call is cancelled.

    Raises:
        RunClosed: The agent did not end: it waits for something, is to go on elsewhere, was stopped
            or has lost its run. Whatever it returns or raises after that does not count.
        Exception: What the agent raised. Its failed steps are no longer in the journal, so that
            another attempt executes them again.
    """
    # The name is logged when an agent blocks the event loop.
    name = f"agent {run.goal.agent_type} of {run.workflow_id}"
    task = asyncio.create_task(_run_agent(agent, run), name=name)
    try:
        return await _result_of(task, run, on_cancel)
    finally:
        run.abandon_commands()


async def _result_of(
    task: asyncio.Task[Result], run: Run, on_cancel: Callable[[], RunClosed]
) -> Result:
    try:
        await _wait_until_finished(task, run.steps)
    except asyncio.CancelledError:
        run.steps.close(on_cancel())
    if run.steps.closed is not None:
        await _cancel_and_wait(task)
        run.steps.raise_if_closed()
    if task.cancelled():
        raise RuntimeError(
            "it raised CancelledError, and nobody has cancelled the goal: see which of its tasks"
            " it cancels, or which scope of a library"
        )
    try:
        return task.result()
    except GeneratorExit as error:
        raise RuntimeError("it raised GeneratorExit") from error
    except Exception as error:
        await run.withdraw_failures(error)
        await run.events.tools.end(f"the agent has ended: {failure_from(error).message}")
        raise


async def _run_agent(agent: AnyAgent, run: Run) -> Result:
    await run.import_model()
    await run.policy.admit_goal()
    with catch_exits(), answered_work_left_out():
        async with aclosing(agent.execute_streaming(run.goal.description)) as stream:  # type: ignore[type-var]
            async for item in stream:
                await run.report(_check_progress(item, run))
        await run.events.tools.end(_NO_RESULT)
        return _with_run_metadata(check_result(await agent.get_results(), run), run)


def _check_progress(item: object, run: Run) -> Progress:
    if isinstance(item, Progress):
        return item
    raise PermanentError(
        f"agent {run.goal.agent_type!r} yielded {type(item).__name__}: yield a"
        " perdure.agents.Progress"
    )


async def _wait_until_finished(task: asyncio.Task[Result], steps: Steps) -> None:
    change = asyncio.create_task(steps.changed())
    try:
        while not task.done() and steps.closed is None:
            is_waiting = bool(steps.waiting or steps.deferred) and steps.in_flight_count == 0
            await asyncio.wait(
                {task, change},
                timeout=QUIET_SECONDS if is_waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if change.done():
                change = asyncio.create_task(steps.changed())
            elif is_waiting and not task.done() and steps.in_flight_count == 0:
                # A deferred step counts more: the next execution comes to the wait again.
                steps.close(Interrupted() if steps.deferred else Suspended())
    finally:
        change.cancel()


async def _cancel_and_wait(task: asyncio.Task[Result]) -> None:
    task.cancel()
    stopping = asyncio.ensure_future(asyncio.wait({task}, timeout=CANCEL_SECONDS))
    while not stopping.done():
        try:
            await asyncio.shield(stopping)
        except asyncio.CancelledError:
            continue  # cancelled once more, and already stopping
    if task.done() and not task.cancelled():
        task.exception()  # retrieved, so that asyncio does not log it: it does not count


async def partial_result(agent: AnyAgent, run: Run) -> Result:
    """Return what an agent has achieved by the time it failed or was cancelled.

    For an agent that raises, or takes longer than ten seconds, that is its artifacts.
    """
    try:
        with catch_exits():
            async with asyncio.timeout(PARTIAL_RESULT_SECONDS):
                result = check_result(await agent.get_results(), run)
    except (Exception, RunClosed):  # noqa: BLE001 -- the failure before this one is reported
        result = Result()
    return _with_run_metadata(result, run)


async def clean_up(agent: AnyAgent) -> None:
    """Call an agent's ``cleanup`` and give it thirty seconds.

    Raises:
        Exception: What the agent raised, or :class:`TimeoutError`.
    """
    try:
        with catch_exits():
            async with asyncio.timeout(CLEANUP_SECONDS):
                await agent.cleanup()
    except RunClosed as closed:
        raise RuntimeError(f"the clean-up used its run, which is closed: {closed!r}") from closed


def _with_run_metadata(result: Result, run: Run) -> Result:
    """Return a result with the run's artifacts, and what the core says in its metadata."""
    own = {artifact.name: artifact for artifact in result.artifacts}
    artifacts = {**run.artifacts, **own}
    metadata = {
        **run.ways_metadata(),
        **result.metadata,
        "agent_type": run.goal.agent_type,
        "tokens_used": result.usage.tokens_used,
    }
    update = {"artifacts": tuple(artifacts.values()), "metadata": metadata}
    return _without_secrets(result.model_copy(update=update))


def _without_secrets(result: Result) -> Result:
    update = {
        "summary": without_secrets(result.summary),
        "data": data_without_secrets(result.data),
        "metadata": data_without_secrets(result.metadata),
    }
    return result.model_copy(update=update)
