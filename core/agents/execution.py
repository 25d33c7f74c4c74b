"""Carrying an agent through: from its first line to its result, or to where it has to wait."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from perdure.agents.factory import AnyAgent
from perdure.agents.hookspecs.forms import checked
from perdure.agents.runs.run import Run
from perdure.agents.steps.errors import PermanentError, no_exit
from perdure.agents.steps.run_closed import Cancelled, Interrupted, RunClosed, Suspended
from perdure.agents.steps.steps import Steps
from perdure.models import Progress, Result

PARTIAL_RESULT_SECONDS: Final = 10.0
CLEANUP_SECONDS: Final = 30.0
# How long nothing may be in flight before a pass that waits is over: a branch of the agent that is
# between two steps gets on to its next one within this time.
QUIET_SECONDS: Final = 0.02
# How long an agent that was cancelled may take to let go; then it is left behind, with a run that
# refuses whatever it asks for.
LET_GO_SECONDS: Final = 5.0


async def carry_out(
    agent: AnyAgent, run: Run, *, on_cancel: Callable[[], RunClosed] = Cancelled
) -> Result:
    """Let an agent do its work and return its result.

    Args:
        agent: The agent.
        run: Its run.
        on_cancel: Why the run is closed when this call is cancelled.

    Raises:
        RunClosed: The agent did not end: it waits for something, is to go on elsewhere, was stopped
            or has lost its run. Whatever it says after that does not count.
        Exception: Whatever ended the agent. Its failed steps are withdrawn from the journal by
            then, so that another attempt runs them again.
    """
    # Names the goal where an agent is found to block the event loop.
    name = f"agent {run.goal.agent_type} of {run.workflow_id}"
    working = asyncio.create_task(_work(agent, run), name=name)
    try:
        await _until_over(working, run.steps)
    except asyncio.CancelledError:
        run.steps.close(on_cancel())
    if run.steps.closed is not None:
        await _stop(working)
        run.steps.check()
    try:
        return working.result()
    except Exception as error:
        await run.withdraw_failures(error)
        raise


async def _work(agent: AnyAgent, run: Run) -> Result:
    await run.import_model()
    with no_exit():
        async with aclosing(agent.execute_streaming(run.goal.description)) as stream:  # type: ignore[type-var]
            async for progress in stream:
                await run.report(_progress(progress, run))
        return complete(checked(await agent.get_results(), run), run)


def _progress(told: object, run: Run) -> Progress:
    if isinstance(told, Progress):
        return told
    raise PermanentError(
        f"agent {run.goal.agent_type!r} yielded {type(told).__name__}: yield a"
        " perdure.agents.Progress"
    )


async def _until_over(working: asyncio.Task[Result], steps: Steps) -> None:
    changing = asyncio.create_task(steps.changed())
    try:
        while not working.done() and steps.closed is None:
            waits = bool(steps.parked or steps.held) and steps.in_flight == 0
            await asyncio.wait(
                {working, changing},
                timeout=QUIET_SECONDS if waits else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if changing.done():
                changing = asyncio.create_task(steps.changed())
            elif waits and not working.done() and steps.in_flight == 0:
                # What was held back counts more: the wait is found again elsewhere.
                steps.close(Interrupted() if steps.held else Suspended())
    finally:
        changing.cancel()


async def _stop(working: asyncio.Task[Result]) -> None:
    working.cancel()
    stopping = asyncio.ensure_future(asyncio.wait({working}, timeout=LET_GO_SECONDS))
    while not stopping.done():
        try:
            await asyncio.shield(stopping)
        except asyncio.CancelledError:
            continue  # told to stop once more: that is what is being done
    if working.done() and not working.cancelled():
        working.exception()  # what it says now does not count, and is no news


async def partial_result(agent: AnyAgent, run: Run) -> Result:
    """Return what an agent has made by the time it failed or was cancelled.

    An agent that cannot say, or takes longer than ten seconds, leaves its artifacts.
    """
    try:
        with no_exit():
            async with asyncio.timeout(PARTIAL_RESULT_SECONDS):
                made = checked(await agent.get_results(), run)
    except (Exception, RunClosed):  # noqa: BLE001 -- the failure that brought us here is the one to report
        made = Result()
    return complete(made, run)


async def clean_up(agent: AnyAgent) -> None:
    """Call an agent's ``cleanup`` and give it thirty seconds.

    Raises:
        Exception: What the agent raised, or :class:`TimeoutError`.
    """
    try:
        with no_exit():
            async with asyncio.timeout(CLEANUP_SECONDS):
                await agent.cleanup()
    except RunClosed as closed:
        raise RuntimeError(f"the clean-up used its run, which is closed: {closed!r}") from closed


def complete(result: Result, run: Run) -> Result:
    """Add to a result what the core knows: the run's artifacts, ``agent_type``, ``tokens_used``."""
    named = {artifact.name: artifact for artifact in result.artifacts}
    artifacts = {**run.artifacts, **named}
    metadata = {
        **result.metadata,
        "agent_type": run.goal.agent_type,
        "tokens_used": result.usage.tokens_used,
    }
    return result.model_copy(update={"artifacts": tuple(artifacts.values()), "metadata": metadata})
