"""The agents of the fault tests: each uses the run in its own way, and each answer is known.

They are the plugin ``perdure-faults`` of the workers under test; see ``worker_patches.py`` for what
else those load.
"""

import asyncio
import hashlib
import os
import random
import signal
import time
from typing import Any

from pydantic import BaseModel
from pydantic_ai import Agent

from perdure.agents import AgentSpec, Goal, PermanentError, Result, Run, hookimpl
from perdure.agents.steps.errors import OutcomeUnknown
from tests.faults.effects import note, noted
from tests.faults.worker_patches import BLOCKED_SECONDS, VERSION

FLOOD = 20_000
BULK = 50_000_000
LEAK = 200_000_000
RAISED = 2
SETTINGS: Any = {"first_event_timeout": 3, "request_timeout": 20}
leaked: list[bytearray] = []


class Parameters(BaseModel):
    """What an agent computes with.

    Attributes:
        seed: Where its numbers come from.
        size: How many steps it takes.
        kind: For ``mixed`` the agent that it is; the items of a batch have one agent.
    """

    seed: int
    size: int = 4
    kind: str = ""


def numbers(goal: Goal) -> list[int]:
    """Return the numbers that a goal adds up."""
    given = Parameters.model_validate(goal.parameters)
    return numbers_of(given.seed, given.size)


def numbers_of(seed: int, size: int) -> list[int]:
    """Return the numbers of a seed."""
    chance = random.Random(seed)
    return [chance.randrange(1, 1000) for _ in range(size)]


async def add(run: str, step: str, *addends: int, mark: str = "") -> int:
    """Add numbers, which takes effect outside."""
    note(run, "begin", step)
    await asyncio.sleep(random.random() * 0.1)
    note(run, "done", step, mark)
    return sum(addends)


def add_in_thread(run: str, step: str, *addends: int) -> int:
    """Do the same as a plain function."""
    note(run, "begin", step)
    time.sleep(random.random() * 0.1)
    note(run, "done", step)
    return sum(addends)


async def charge(run: str, step: str, amount: int, *, idempotency_key: str) -> int:
    """Charge an account, which takes each key once."""
    note(run, "begin", step)
    note(run, "key", step, idempotency_key)
    await asyncio.sleep(random.random() * 0.05)
    return amount


async def act(run: Run, step: str, function: Any, *given: object, **options: Any) -> Any:
    """Do a step, and note that the journal holds it."""
    value = await run.step(step, function, run.workflow_id, step, *given, **options)
    note(run.workflow_id, "kept", step)
    return value


def said(answer: int) -> Result:
    """Return a result that holds the answer."""
    return Result(summary=f"The answer is {answer}.", data={"answer": answer})


async def sums(run: Run, goal: Goal) -> Result:
    """Take steps one after another, then side by side, and make a file."""
    total, given = 0, numbers(goal)
    for place, number in enumerate(given):
        function = add if place % 2 else add_in_thread
        total = await act(run, f"add-{place}", function, total, number)
        await run.progress(90 * (place + 1) / len(given), f"added {number}")
    doubled = await asyncio.gather(
        *(act(run, f"double-{place}", add, number, number) for place, number in enumerate(given))
    )
    await run.artifact("answer.txt", f"{total + sum(doubled)}\n")
    return said(total + sum(doubled))


async def careful(run: Run, goal: Goal) -> Result:
    """Catch whatever can be caught, and go on."""
    total = 0
    for place, number in enumerate(numbers(goal)):
        for _ in range(3):
            try:
                total = await act(run, f"add-{place}", add, total, number)
                break
            except Exception:
                note(run.workflow_id, "caught", f"add-{place}")
    return said(total)


async def talker(run: Run, goal: Goal) -> Result:
    """Ask a model, whose answers come in pieces, and build on what it said."""
    agent = Agent(run.model, model_settings=SETTINGS)
    total = 0
    for number in numbers(goal):
        question = f"{run.workflow_id}: add {total} and {number}"
        async with agent.run_stream(question) as answer:
            text = await answer.get_output()
        total = int(text.split()[-1])
    return said(total)


async def asker(run: Run, goal: Goal) -> Result:
    """Wait for a person, twice."""
    first, *_ = numbers(goal)
    one = await act(run, "before", add, first)
    allowed = await run.approve(f"Count {one}?", {"number": one})
    two = await act(run, "between", add, one, 1 if allowed else 0)
    again = await run.approve(f"Count {two} too?")
    return said(await act(run, "after", add, two, 1 if again else 0))


async def sleeper(run: Run, goal: Goal) -> Result:
    """Sleep, and wait for a signal."""
    given = numbers(goal)
    one = await act(run, "awake", add, given[0])
    await run.sleep(0.2 + given[0] % 10 / 5)
    sent = await run.wait_for("go")
    assert isinstance(sent, int)
    await run.sleep(0.1)
    return said(await act(run, "awake again", add, one, sent))


async def parent(run: Run, goal: Goal) -> Result:
    """Let others do the work, several at once."""
    seed = Parameters.model_validate(goal.parameters).seed
    results = await asyncio.gather(
        run.delegate("sums", "Add.", {"seed": seed + 1, "size": 3}),
        run.delegate("talker", "Add.", {"seed": seed + 2, "size": 2}),
        act(run, "meanwhile", add, 1),
    )
    return said(results[2] + sum(int(str(result.data["answer"])) for result in results[:2]))


async def payer(run: Run, goal: Goal) -> Result:
    """Do what must not be done twice."""
    amount, *_ = numbers(goal)
    charged = await act(run, "charge", charge, amount, idempotency_key=True)
    try:
        await act(run, "pay", add, amount, mark="once", once=True)
    except OutcomeUnknown:
        note(run.workflow_id, "unknown", "pay")
    return said(charged)


async def raiser(run: Run, goal: Goal) -> Result:
    """Fail in the middle, as often as a goal may."""
    total = 0
    for place, number in enumerate(numbers(goal)):
        total = await act(run, f"add-{place}", add, total, number)
        if place >= 1 and noted(run.workflow_id, "raised") < min(place, RAISED):
            note(run.workflow_id, "raised", f"add-{place}")
            raise RuntimeError(f"the agent failed after {number}: it is tried again")
    return said(total)


async def poison(run: Run, goal: Goal) -> Result:
    """Fail for good."""
    first, second, *_ = numbers(goal)
    await act(run, "before", add, first)
    if second % 2:
        raise PermanentError("this goal cannot be reached: give another one")
    raise ValueError("this agent has a fault: mend it")


async def blocker(run: Run, goal: Goal) -> Result:
    """Block the event loop, with every other goal in it, until the worker seems dead."""
    one = await act(run, "before", add, *numbers(goal))
    if not noted(run.workflow_id, "blocked"):
        note(run.workflow_id, "blocked", "before")
        time.sleep(BLOCKED_SECONDS)  # noqa: ASYNC251 -- that is the fault
    return said(await act(run, "after", add, one, 1))


async def leaker(run: Run, goal: Goal) -> Result:
    """Take memory until the process is killed for it."""
    one = await act(run, "before", add, *numbers(goal))
    if not noted(run.workflow_id, "leaked"):
        note(run.workflow_id, "leaked", "before")
        while sum(map(len, leaked)) < LEAK:
            leaked.append(bytearray(b"x" * 10_000_000))
            await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGKILL)
    return said(await act(run, "after", add, one, 1))


async def flood(run: Run, goal: Goal) -> Result:
    """Tell more than anybody can read."""
    for number in range(FLOOD):
        await run.progress(100 * number / FLOOD, f"line {number}")
    return said(await act(run, "after", add, *numbers(goal)))


async def bulky(run: Run, goal: Goal) -> Result:
    """Return far more than Temporal takes."""
    first, *_ = numbers(goal)
    return said(first).model_copy(update={"data": {"answer": first, "bulk": bulk(first)}})


async def versioned(run: Run, goal: Goal) -> Result:
    """Take a step whose meaning differs from one version of the plugin to the other."""
    one = await act(run, "before", add, *numbers(goal))
    two = await run.step("count", add, run.workflow_id, f"count-{VERSION}", one, 1, version=VERSION)
    return said(await act(run, "after", add, two, 1))


def bulk(first: int) -> str:
    """Return 50 MB."""
    return (f"{first:08d}" * (BULK // 8))[:BULK]


def digest(text: str) -> str:
    """Return what stands for a long text in messages."""
    return hashlib.sha256(text.encode()).hexdigest()


AGENTS = (
    *(sums, careful, talker, asker, sleeper, parent, payer, raiser),
    *(poison, blocker, leaker, flood, bulky, versioned),
)


async def mixed(run: Run, goal: Goal) -> Result:
    """Be any of the others."""
    kinds = {agent.__name__: agent for agent in AGENTS}
    return await kinds[Parameters.model_validate(goal.parameters).kind](run, goal)


@hookimpl
def register_agents() -> list[AgentSpec]:
    """Bring the agents."""
    return [
        AgentSpec(
            name=agent.__name__,
            description=(agent.__doc__ or "").strip(),
            agent=agent,
            parameters=Parameters,
        )
        for agent in (*AGENTS, mixed)
    ]
