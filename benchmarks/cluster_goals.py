"""Goals whose steps leave a trace, handed in through nginx, and how they ended."""

import asyncio
import time
import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from perdure.client import AsyncClient, ClientError
from perdure.models import GoalRecord

STEPS: Final = 5
_RETRY_SECONDS: Final = 0.3
_POOLS: Final = ("api-1", "api-2", "worker-1", "worker-2", "worker-code")

# A step leaves its token where it begins, and returns it: the journal's is to be the last one.
_AGENT: Final = f"""
import os, time, uuid
from perdure.agents import AgentSpec, Result, hookimpl

def tick(goal_id, number):
    token = uuid.uuid4().hex
    with open(f"/var/lib/traces/{{goal_id}}", "a") as file:
        file.write(f"{{number}} {{token}}\\n")
    time.sleep(0.4)
    return token

async def traced(run, goal):
    tokens = [await run.step("tick", tick, goal.goal_id, n) for n in range({STEPS})]
    await run.artifact("tokens.txt", "\\n".join(tokens))
    return Result(data={{"tokens": tokens}})

@hookimpl
def register_agents():
    return [AgentSpec(name="traced", description="Leaves traces.", agent=traced)]
"""


def write_changes(folder: Path) -> Path:
    """Write the agent, and a compose file that gives it to APIs and workers; return that file."""
    traces = folder / "traces"
    traces.mkdir(parents=True)
    agent = folder / "traced.py"
    agent.write_text(_AGENT)
    change = {
        "environment": {"PERDURE_PLUGIN_FILES": "/run/agents/traced.py"},
        "volumes": [f"{agent}:/run/agents/traced.py:ro", f"{traces}:/var/lib/traces"],
    }
    changes = folder / "changes.yaml"
    changes.write_text(yaml.safe_dump({"services": dict.fromkeys(_POOLS, change)}))
    return changes


@dataclass
class Judgement:
    """How goals ended.

    Attributes:
        goals: How many were handed in.
        completed: How many completed with the right answer.
        lost: What is wrong with the others, by goal.
        twice: Goals that were run twice, and steps that were done again after they had been
            journaled.
        repeated: Steps that were in flight when their worker was killed, and were done again.
    """

    goals: int = 0
    completed: int = 0
    lost: dict[str, str] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    repeated: int = 0


class TracedGoals:
    """Goals handed in to an API, so many at once.

    Attributes:
        runs: The run of each goal, by the goal's id.
        waited: The longest time, in seconds, that a start or an answer took to come through.
    """

    def __init__(self, url: str, api_key: str, traces: Path) -> None:
        self.runs: dict[str, str] = {}
        self.waited = 0.0
        self._url = url
        self._api_key = api_key
        self._traces = traces
        self._judgement = Judgement()

    async def hand_in(self, at_once: int, until: asyncio.Event) -> None:
        """Keep so many goals going until the event is set, then wait for those that are left."""
        async with AsyncClient(self._url, api_key=self._api_key) as client:
            await asyncio.gather(*(self._one_after_another(client, until) for _ in range(at_once)))

    async def judge(self) -> Judgement:
        """Say how the goals ended."""
        judgement = self._judgement
        judgement.goals = len(self.runs)
        async with AsyncClient(self._url, api_key=self._api_key) as client:
            records = [record async for record in client.goals.iterate(agent_type="traced")]
        runs = Counter(record.goal_id for record in records)
        judgement.twice += [f"{goal}: {count} runs" for goal, count in runs.items() if count > 1]
        judgement.lost |= dict.fromkeys(self.runs.keys() - runs.keys(), "there is no run of it")
        return judgement

    async def _one_after_another(self, client: AsyncClient, until: asyncio.Event) -> None:
        while not until.is_set():
            goal_id = f"traced-{uuid.uuid4().hex[:12]}"
            self.runs[goal_id] = ""
            began = time.monotonic()
            while not self.runs[goal_id]:
                try:
                    started = await client.goals.start(
                        "traced", "tick", goal_id=goal_id, idempotency_key=goal_id
                    )
                    self.runs[goal_id] = started.workflow_id
                except ClientError:  # its service is away: the key says that it is the same start
                    await asyncio.sleep(_RETRY_SECONDS)
            self.waited = max(self.waited, time.monotonic() - began)
            self._look_at(await self._end_of(client, self.runs[goal_id]))

    async def _end_of(self, client: AsyncClient, workflow_id: str) -> GoalRecord:
        while True:
            with suppress(ClientError):
                return await client.goals.wait(workflow_id)
            await asyncio.sleep(_RETRY_SECONDS)

    def _look_at(self, record: GoalRecord) -> None:
        judgement = self._judgement
        tokens = record.result.data.get("tokens") if record.result is not None else None
        kept = record.result.artifacts if record.result is not None else []
        if not (record.success and isinstance(tokens, list) and len(tokens) == STEPS and kept):
            reason = record.error.message if record.error is not None else record.status
            judgement.lost[record.goal_id] = str(reason)
            return
        judgement.completed += 1
        done: dict[int, list[str]] = {}
        for line in (self._traces / record.goal_id).read_text().splitlines():
            step, left = line.split()
            done.setdefault(int(step), []).append(left)
        for number, token in enumerate(tokens):
            judgement.repeated += len(done[number]) - 1
            if done[number][-1] != token:
                judgement.twice.append(f"{record.goal_id}: step {number}")
