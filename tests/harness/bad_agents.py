"""Agents that each break the contract in one way, and what their author reads."""

import asyncio
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from perdure.agents import (
    Agent,
    AgentSpec,
    Artifact,
    BudgetExceeded,
    Goal,
    Progress,
    Result,
    Run,
    TransientError,
    agent,
)
from perdure.testing import says

CANCEL_SECONDS = 0.3
COUNTER = itertools.count()
STATE: dict[str, Any] = {}


class Word(BaseModel):
    word: str = Field(default="moss", description="the word")


class Odd(BaseModel):
    model_config = ConfigDict(extra="allow")
    size: int = Field(default=1, description="how much")

    @field_validator("size", mode="before")
    @classmethod
    def _size(cls, size: Any) -> int:
        return int({"one": 1}[size] if isinstance(size, str) else size["n"] if size != 1 else 1)


def echo(word: str) -> str:
    return word


@agent
async def no_progress(run: Run, goal: Goal) -> Result:
    """Tells nothing."""
    return Result(summary=await run.step("echo", echo, "a"))


@agent
async def goes_back(run: Run, goal: Goal) -> Result:
    """Tells 60 and then 40."""
    await run.progress(60)
    await run.progress(40)
    return Result()


@agent
async def never_gets_there(run: Run, goal: Goal) -> Result:
    """Fails."""
    await run.progress(1)
    raise ValueError("no such luck")


@agent
async def waits_for_nobody(run: Run, goal: Goal) -> Result:
    """Asks."""
    await run.approve("Publish?")
    return Result()


@agent
async def not_a_number(run: Run, goal: Goal) -> Result:
    """Delivers what JSON has no word for."""
    await run.progress(100)
    return Result(data={"share": float("nan")})


@agent
async def outside(run: Run, goal: Goal) -> Result:
    """Names a file outside its folder."""
    await run.progress(100)
    made = Artifact(name="../x", media_type="text/plain", digest=f"sha256:{'0' * 64}", size=1)
    return Result(artifacts=(made,))


@agent
async def never_stored(run: Run, goal: Goal) -> Result:
    """Names a file that is nowhere."""
    await run.progress(100)
    made = Artifact(name="x.txt", media_type="text/plain", digest=f"sha256:{'0' * 64}", size=1)
    return Result(artifacts=(made,))


@agent
async def backslash(run: Run, goal: Goal) -> Result:
    """Names a file that is two on another system."""
    await run.progress(100)
    await run.artifact("charts\\sales.svg", "<svg/>")
    return Result()


@agent
async def clock_in_input(run: Run, goal: Goal) -> Result:
    """Hands a step the time."""
    await run.progress(10)
    await run.step("fetch", echo, str(time.perf_counter_ns()))
    return Result()


@agent
async def clock_in_result(run: Run, goal: Goal) -> Result:
    """Delivers the time."""
    await run.progress(10)
    await run.step("fetch", echo, "a")
    return Result(data={"at": time.perf_counter_ns()})


@agent
async def asks_less(run: Run, goal: Goal) -> Result:
    """Does a step only the first time."""
    await run.progress(10)
    if next(COUNTER) % 2 == 0:
        await run.step("fetch", echo, "a")
    return Result()


class StateInBody(Agent[None]):
    """Keeps what it read in itself, from within the step."""

    def __init__(self, run: Run, parameters: None) -> None:
        super().__init__(run, parameters)
        self.read: list[str] = []

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        yield Progress(percentage=0)
        for word in ("a", "b"):
            await self.run.step("read", self._read, word)
        yield Progress(percentage=100)

    async def get_results(self) -> Result:
        return Result(data={"read": list(self.read)})

    async def _read(self, word: str) -> None:
        self.read.append(word)


class FileInBody(StateInBody):
    """Needs in one step a file that the agent's own object made in another."""

    async def _read(self, word: str) -> None:
        if word == "b" and not self.read:
            raise RuntimeError("the first was not read")
        self.read.append(word)

    async def get_results(self) -> Result:
        return Result()


@agent
async def only_once(run: Run, goal: Goal) -> Result:
    """Has a step whose body cannot be done again."""
    await run.progress(10)
    await run.step("claim", claim_in, await run.step("folder", folder))
    return Result()


def folder() -> str:
    return tempfile.mkdtemp(dir=str(STATE["root"]))


def claim_in(folder: str) -> None:
    (Path(folder) / "claim").mkdir()


@agent
async def holds_on(run: Run, goal: Goal) -> Result:
    """Takes no notice of being cancelled."""
    await run.progress(10)
    await run.step("stay", stay)
    return Result()


async def stay() -> None:
    until = time.monotonic() + STATE["seconds"]
    while time.monotonic() < until:
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            until = time.monotonic() + 2 * CANCEL_SECONDS


class Careless(Agent[None]):
    """The base of those that are careless at their end."""

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        yield Progress(percentage=0)
        self.text = await self.run.step("read", echo, "a")
        await self.run.step("wait", asyncio.sleep, 0.01)
        yield Progress(percentage=100)

    async def get_results(self) -> Result:
        return Result(summary=getattr(self, "text", ""))


class NoResultYet(Careless):
    async def get_results(self) -> Result:
        return Result(summary=self.text)


class CleansItself(Careless):
    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        try:
            async for progress in super().execute_streaming(description):
                yield progress
        finally:
            await self.cleanup()


class CleansWhatIsNotThere(Careless):
    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        self.folder = "there"
        async for progress in super().execute_streaming(description):
            yield progress

    async def cleanup(self) -> None:
        assert self.folder


class CleansOnce(Careless):
    def __init__(self, run: Run, parameters: None) -> None:
        super().__init__(run, parameters)
        self.open = ["it"]

    async def cleanup(self) -> None:
        self.open.pop()


@agent
async def goes_on_for_ever(run: Run, goal: Goal) -> Result:
    """Does not take no for an answer."""
    await run.progress(10)
    await run.step("first", echo, "a")
    while True:
        try:
            return Result(summary=await run.step("second", echo, "b"))
        except BudgetExceeded:
            continue


@agent
async def swallows_the_budget(run: Run, goal: Goal) -> Result:
    """Delivers as if nothing were missing."""
    await run.progress(10)
    words = []
    for word in ("a", "b"):
        try:
            words.append(await run.step("echo", echo, word))
        except Exception:
            words.append("?")
    return Result(data={"words": list(words)})


@agent
async def another_error(run: Run, goal: Goal) -> Result:
    """Says that something else was the matter."""
    await run.progress(10)
    try:
        await run.step("echo", echo, "a")
        await run.step("echo", echo, "b")
    except BudgetExceeded:
        raise TransientError("the net is down") from None
    return Result()


@agent
async def swallows_tokens(run: Run, goal: Goal) -> Result:
    """Delivers without what its model would have said."""
    from pydantic_ai import Agent as PydanticAgent

    await run.progress(10)
    try:
        text = (await PydanticAgent(run.model).run("Say it")).output
    except Exception:
        text = "nothing"
    return Result(summary=text)


@agent
async def asks_beside_its_run(run: Run, goal: Goal) -> Result:
    """Asks its model without the run."""
    from pydantic_ai import Agent as PydanticAgent

    await run.progress(10)
    text = (await PydanticAgent("openai-chat:scripted").run("Say it")).output
    return Result(summary=text)


@agent
async def odd_parameters(run: Run, goal: Goal, parameters: Odd) -> Result:
    """Has a validator that breaks."""
    await run.progress(10)
    return Result()


@agent
async def takes_any_word(run: Run, goal: Goal, parameters: Word) -> Result:
    """Takes what its author says is bad."""
    await run.progress(10)
    return Result(summary=parameters.word)


@agent
async def tries_again_in_vain(run: Run, goal: Goal, parameters: Word) -> Result:
    """Fails for a bad word as if it were the weather."""
    await run.progress(10)
    if parameters.word == "bad":
        raise RuntimeError("bad luck")
    return Result()


@agent
async def names_nothing(run: Run, goal: Goal, parameters: Word) -> Result:
    """Refuses without a reason."""
    from perdure.agents import InputError

    await run.progress(10)
    if parameters.word == "bad":
        raise InputError("that will not do")
    return Result()


@dataclass(frozen=True)
class Bad:
    """An agent that breaks the contract.

    Attributes:
        test: The test that fails.
        spec: The agent.
        message: What its author reads, a pattern.
        more: Further attributes of the contract class.
    """

    test: str
    spec: AgentSpec
    message: str
    more: Mapping[str, Any] = field(default_factory=dict)


def class_spec(kind: type[Agent[Any]]) -> AgentSpec:
    return AgentSpec(name="bad", description="Bad", agent=kind)


PROGRESS = "test_it_tells_progress_that_only_grows"
JSON = "test_its_result_is_the_same_after_json"
NAMES = "test_its_artifacts_have_safe_names"
FOUND = "test_it_finds_every_step_again"
BEHIND = "test_killed_behind_every_step_it_goes_on"
BEFORE = "test_killed_before_every_record_it_goes_on"
CANCEL = "test_cancelled_in_any_step_it_ends"
CLEANUP = "test_its_cleanup_is_always_safe"
STEPS = "test_too_few_steps_end_it"
TOKENS = "test_too_few_tokens_end_it"
PARAMETERS = "test_bad_parameters_are_refused"

BAD = [
    Bad(PROGRESS, no_progress, "tells no progress"),
    Bad(PROGRESS, goes_back, "goes back from 60 to 40 %"),
    Bad(PROGRESS, never_gets_there, r"ended with ValueError \(no such luck\) instead of a result"),
    Bad(PROGRESS, waits_for_nobody, r"set decisions = \{'Publish\?': True\} in the contract"),
    Bad(JSON, not_a_number, r"changed from JSON at result\.data\.share \(nan became None\)"),
    Bad(NAMES, outside, r"'\.\./x' leads out of its folder"),
    Bad(NAMES, never_stored, "'x.txt', which was never stored"),
    Bad(NAMES, backslash, "a character that no file name should"),
    Bad(FOUND, clock_in_input, r"step 'fetch' is not found again .* at first and with "),
    Bad(FOUND, clock_in_result, r"differs at result\.data\.at"),
    Bad(FOUND, asks_less, "step 'fetch' was done and is not asked for again"),
    Bad(FOUND, class_spec(StateInBody), r"differs at result\.data\.read"),
    Bad(FOUND, asks_beside_its_run, "asks its model again", {"model_script": [says("It.")]}),
    Bad(BEHIND, clock_in_input, "never gets to its end"),
    Bad(
        BEHIND, class_spec(StateInBody), r"after kills the result differs .* at result\.data\.read"
    ),
    Bad(
        BEHIND,
        class_spec(FileInBody),
        r"right after step 'read' .* RuntimeError|StepFailed \(the first",
    ),
    Bad(BEFORE, only_once, "after step 'claim' had done its work and before"),
    Bad(CANCEL, holds_on, "did not stop for"),
    Bad(CANCEL, class_spec(NoResultYet), "get_results raised AttributeError"),
    Bad(CANCEL, class_spec(CleansItself), "calls its own cleanup"),
    Bad(CLEANUP, class_spec(CleansWhatIsNotThere), "cleanup raised AttributeError .* did nothing"),
    Bad(CLEANUP, class_spec(CleansOnce), "cleanup raised IndexError .* second time"),
    Bad(STEPS, goes_on_for_ever, "goes on asking for ever"),
    Bad(STEPS, swallows_the_budget, "ends as if nothing were missing"),
    Bad(STEPS, another_error, r"ends with TransientError \(the net is down\)"),
    Bad(
        TOKENS, swallows_tokens, "ends as if nothing were missing", {"model_script": [says("It.")]}
    ),
    Bad(PARAMETERS, odd_parameters, r"raises KeyError|raises TypeError"),
    Bad(
        PARAMETERS,
        takes_any_word,
        "takes the bad parameters",
        {"bad_parameters": ({"word": "bad"},)},
    ),
    Bad(
        PARAMETERS,
        tries_again_in_vain,
        "which is tried again in vain",
        {"bad_parameters": ({"word": "bad"},)},
    ),
    Bad(PARAMETERS, names_nothing, "names none of them", {"bad_parameters": ({"word": "bad"},)}),
]
