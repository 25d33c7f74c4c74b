"""Carrying an agent through: from its first line to its result, whatever surrounds it."""

import asyncio
from contextlib import aclosing
from typing import Final

from holdfast.agents.agent import checked
from holdfast.agents.errors import no_exit
from holdfast.agents.factory import AnyAgent
from holdfast.agents.run import Run
from holdfast.models import Result

PARTIAL_RESULT_SECONDS: Final = 10.0
CLEANUP_SECONDS: Final = 30.0


async def carry_out(agent: AnyAgent, run: Run) -> Result:
    """Let an agent do its work and return its result.

    Raises:
        Exception: Whatever ended the agent. Its failed steps are withdrawn from the journal by
            then, so that another attempt runs them again.
    """
    try:
        with no_exit():
            return await _carry_out(agent, run)
    except Exception as error:
        await run.withdraw_failures(error)
        raise


async def _carry_out(agent: AnyAgent, run: Run) -> Result:
    async with aclosing(agent.execute_streaming(run.goal.description)) as stream:  # type: ignore[type-var]
        async for progress in stream:
            await run.report(progress)
    return complete(checked(await agent.get_results(), run), run)


async def partial_result(agent: AnyAgent, run: Run) -> Result:
    """Return what an agent has made by the time it failed or was cancelled.

    An agent that cannot say, or takes longer than ten seconds, leaves its artifacts.
    """
    try:
        with no_exit():
            async with asyncio.timeout(PARTIAL_RESULT_SECONDS):
                made = checked(await agent.get_results(), run)
    except Exception:  # noqa: BLE001 -- the failure that brought us here is the one to report
        made = Result()
    return complete(made, run)


async def clean_up(agent: AnyAgent) -> None:
    """Call an agent's ``cleanup`` and give it thirty seconds.

    Raises:
        Exception: What the agent raised, or :class:`TimeoutError`.
    """
    with no_exit():
        async with asyncio.timeout(CLEANUP_SECONDS):
            await agent.cleanup()


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
