"""pydantic-ai on Temporal: a workflow that asks an agent once for each step.

A step is one request to a model that answers at once; each is an activity. One agent run of many
turns would send what was said so far with each request, and an agent's tools would be activities on
top of it: this is the cheapest way to have so many durable steps. Timeouts are its own, 60 s for an
activity and 30 s for its heartbeat.
"""

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from pydantic_ai import Agent, ModelMessage, ModelResponse, TextPart
    from pydantic_ai.durable_exec.temporal import (
        PydanticAIPlugin,
        PydanticAIWorkflow,
        TemporalDurability,
    )
    from pydantic_ai.models.function import AgentInfo, FunctionModel

    from benchmarks.peers.served_program import Peer, Place, one_step, serve


async def answer(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
    """Be a model."""
    goal, number = str(messages[-1].parts[-1].content).split()
    return ModelResponse([TextPart(str(await one_step(goal, int(number))))])


agent = Agent(FunctionModel(answer), name="peer", capabilities=[TemporalDurability()])


@workflow.defn
class StepsInARow(PydanticAIWorkflow):
    """Be a goal."""

    __pydantic_ai_agents__ = [agent]  # noqa: RUF012 -- as its documentation has it

    @workflow.run
    async def run(self, goal: str, steps: int) -> int:
        """Run the steps."""
        for number in range(steps):
            await agent.run(f"{goal} {number}")
        return steps


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Peer]:
    """Connect, and run a worker."""
    client = await Client.connect(place.temporal_address, plugins=[PydanticAIPlugin()])
    queue = f"pydantic-ai-{place.folder.name}"

    async def run_goal(goal: str, steps: int) -> None:
        await client.execute_workflow(
            StepsInARow.run, args=[goal, steps], id=goal, task_queue=queue
        )

    async with Worker(client, task_queue=queue, workflows=[StepsInARow]):
        yield Peer(run_goal)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    serve(opened)
