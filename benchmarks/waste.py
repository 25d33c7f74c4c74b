"""What is paid for and thrown away: ours against starting over, under one seeded mix of faults.

Workers die in the middle of a request, agents raise, the model endpoint answers 500, 429 and half
streams. The endpoint is a real HTTP server that counts what it charges. Each fault comes about once
in its place, whoever meets it, so that all variants have the same to bear. Thrown away is what was
charged beyond one clean run of each goal that completed.
"""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import waste_worker
from benchmarks.verdict import Figure, print_verdict, report
from perdure.agents import Goal
from perdure.cli.runtime.event_loop import run_async
from perdure.models import GoalStatus
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import run_development_server
from perdure.testing import ChatRequest, ModelServer, Reply, breaks_off, refuses, says

SEED = int(os.environ.get("PERDURE_FAULT_SEED", "4"))
GOALS = 60
STEPS = 8
WORKERS = 3
EXCEPTIONS = 0.05
CRASHES = 0.012
ANSWER = "What follows from the notes is worth a paragraph of its own. " * 12
# Dollars a token, as gpt-4o-mini costs them.
INPUT_PRICE, OUTPUT_PRICE = 0.15e-6, 0.60e-6
SECONDS = 240.0


@dataclass
class Endpoint:
    """The script of the model endpoint.

    Attributes:
        seed: Which requests meet a fault; none when 0.
        goals: Which goal each prompt belongs to.
        faults: How often each fault came about.
    """

    seed: int
    goals: dict[str, str] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)

    def __call__(self, asked: ChatRequest) -> Reply:
        """Answer, or misbehave; the third time that the same is asked always goes well."""
        self.goals[asked.prompt] = asked.last.split()[0]
        chance = random.Random(f"{self.seed} {asked.prompt} {asked.times}")
        faults = {
            "500": refuses(500),
            "429": refuses(429, retry_after=0.5),
            "429, 11 s": refuses(429, retry_after=11),
            "half a stream": breaks_off(ANSWER, after=4),
        }
        share = {1: 0.16, 2: 0.3}.get(asked.times, 0.0)
        if self.seed and chance.random() < share:
            (kind,) = chance.choices(list(faults), (5, 4, 1, 5))
            self.faults[kind] += 1
            return faults[kind]
        return says(ANSWER, pieces=8, delay=0.02, pause=0.01)


@dataclass
class Outcome:
    """What one variant came to.

    Attributes:
        tokens: Tokens charged, by goal.
        dollars: Dollars charged, by goal.
        completed: The goals that completed.
        ledger: Tokens that our own ledger calls thrown away.
        details: What else is worth telling.
    """

    tokens: Counter[str]
    dollars: dict[str, float]
    completed: set[str]
    ledger: int
    details: dict[str, object]


@asynccontextmanager
async def workers(
    command: tuple[str, ...], environment: dict[str, str]
) -> AsyncIterator[list[int]]:
    """Run workers, and another for each that dies; gives how each has ended."""
    ends: list[int] = []
    running: set[asyncio.subprocess.Process] = set()

    async def keep() -> None:
        while True:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            running.add(process)
            ends.append(await process.wait())
            running.discard(process)

    keeping = [asyncio.create_task(keep()) for _ in range(WORKERS)]
    try:
        yield ends
    finally:
        for task in keeping:
            task.cancel()
        for process in list(running):
            process.kill()
            await process.wait()


async def finish(service: GoalService, goals: list[Goal]) -> tuple[set[str], int]:
    """Hand goals in and wait until all have ended; return those that completed, and the ledger."""
    stores = service.stores
    started = {await service.start(goal): goal.goal_id for goal in goals}
    give_up = time.monotonic() + SECONDS
    completed = 0
    while completed < len(goals) and time.monotonic() < give_up:
        await asyncio.sleep(0.5)
        counts = await stores.goals.counts()
        completed = sum(counts.get(status, 0) for status in GoalStatus if status.final)
    records = [await stores.goals.get(workflow_id) for workflow_id in started]
    ledger = [await stores.ledger.of(workflow_id) for workflow_id in started]
    good = {record.goal_id for record in records if record.success}
    return good, sum(spending.thrown_away.tokens_used for spending in ledger)


async def run_variant(binary: Path, folder: Path, variant: str, seed: int) -> Outcome:
    """Run every goal under one variant, on a server, stores and an endpoint of its own."""
    marks = folder / "marks"
    marks.mkdir(parents=True)
    parameters = waste_worker.Parameters(
        steps=STEPS, seed=seed, marks=marks, exceptions=EXCEPTIONS, crashes=CRASHES
    ).model_dump(mode="json")
    goals = [
        Goal(goal_id=f"g{number}", description="ask", agent_type="scholar", parameters=parameters)
        for number in range(GOALS)
    ]
    settings = Settings(home=folder / "home", database_url="")
    endpoint, began = Endpoint(seed), time.monotonic()
    async with (
        run_development_server(binary, folder / "temporal", port=0, ui_port=0) as server,
        open_stores(settings) as stores,
    ):
        service = GoalService(await connect(server.address), stores, waste_worker.registry())
        with ModelServer(endpoint) as model:
            environment = os.environ | model.environment
            environment |= {"PERDURE_MODEL": "openai-chat:scripted"}
            command = (sys.executable, "-m", "benchmarks.waste_worker", str(settings.home))
            async with workers((*command, server.address, variant), environment) as ends:
                completed, ledger = await finish(service, goals)
            requests = model.requests
    tokens, dollars = Counter[str](), dict[str, float]()
    for request in requests:
        goal_id = endpoint.goals[request.prompt]
        cost = request.input_tokens * INPUT_PRICE + request.output_tokens * OUTPUT_PRICE
        tokens[goal_id] += request.tokens
        dollars[goal_id] = dollars.get(goal_id, 0.0) + cost
    faults: dict[str, int] = {**endpoint.faults}
    faults["worker killed"] = sum(1 for _ in marks.glob("*-crash"))
    faults["agent raised"] = sum(1 for _ in marks.glob("*-raise"))
    details: dict[str, object] = {
        "requests": len(requests),
        "faults": faults,
        "workers_ended": {str(status): count for status, count in Counter(ends).items()},
        "seconds": round(time.monotonic() - began, 1),
    }
    return Outcome(tokens, dollars, completed, ledger, details)


def thrown_away(outcome: Outcome, clean: Outcome) -> tuple[int, float]:
    """Return the tokens and dollars charged beyond one clean run of each completed goal."""
    tokens = outcome.tokens.total() - sum(clean.tokens[goal] for goal in outcome.completed)
    dollars = sum(outcome.dollars.values()) - sum(clean.dollars[goal] for goal in outcome.completed)
    return tokens, dollars


def described(outcome: Outcome, clean: Outcome) -> dict[str, object]:
    """Return the figures of one variant."""
    tokens, dollars = thrown_away(outcome, clean)
    return {
        "tokens_thrown_away": tokens,
        "dollars_thrown_away": round(dollars, 6),
        "share_of_clean_run": round(tokens / clean.tokens.total(), 4),
        "completed": round(len(outcome.completed) / GOALS, 4),
        "ledger_thrown_away": outcome.ledger,
        **outcome.details,
    }


async def measure(names: tuple[str, ...]) -> bool:
    """Run every variant and print the verdict."""
    report(f"PERDURE_FAULT_SEED={SEED}")
    binary = await ensure_server_binary(Settings(), report)
    outcomes: dict[str, Outcome] = {}
    with TemporaryDirectory(prefix="perdure-benchmark-", ignore_cleanup_errors=True) as name:
        clean = await run_variant(binary.path, Path(name) / "clean", "ours", 0)
        report(
            f"clean: {clean.tokens.total():,} tokens, {len(clean.completed)} of {GOALS} completed"
        )
        for place, variant in enumerate(names):
            folder = Path(name) / str(place)
            outcomes[variant] = await run_variant(binary.path, folder, variant, SEED)
            report(f"{variant}: {described(outcomes[variant], clean)}")
    ours, restart = outcomes["ours"], outcomes["restart"]
    saved = 1 - thrown_away(ours, clean)[0] / thrown_away(restart, clean)[0]
    saved_dollars = 1 - thrown_away(ours, clean)[1] / thrown_away(restart, clean)[1]
    more = (len(ours.completed) - len(restart.completed)) / GOALS
    return print_verdict(
        {
            "less_tokens_thrown_away": Figure(saved, 0.8, "at least"),
            "less_dollars_thrown_away": Figure(saved_dollars, 0.8, "at least"),
            "more_completed": Figure(more, 0.0, "at least"),
        },
        {
            "seed": SEED,
            "goals": GOALS,
            "requests_a_goal": STEPS,
            "clean_tokens": clean.tokens.total(),
            "variants": {name: described(outcome, clean) for name, outcome in outcomes.items()},
        },
    )


def main() -> bool:
    """Run the benchmark; whether every target is reached."""
    return run_async(measure(tuple(waste_worker.VARIANTS)))
