"""The contract: each of its tests fails on agents that break it, and passes on good ones."""

import asyncio
import importlib.util
import os
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel, Field

from perdure.agents import (
    Agent,
    AgentSpec,
    Goal,
    InputError,
    Progress,
    Result,
    Run,
    agent,
    execution,
)
from perdure.testing import AgentContract, BrokenContract, ChatRequest, Reply, says


def _bad_agents() -> ModuleType:
    place = Path(__file__).with_name("bad_agents.py")
    spec = importlib.util.spec_from_file_location("perdure_tests_bad_agents", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


bad_agents = _bad_agents()
TESTS = [name for name in dir(AgentContract) if name.startswith("test_")]


@pytest.mark.parametrize("bad", bad_agents.BAD, ids=lambda bad: f"{bad.test}-{bad.message[:24]}")
def test_a_bad_agent_fails_and_its_author_learns_why(
    bad: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "CANCEL_SECONDS", bad_agents.CANCEL_SECONDS)
    bad_agents.STATE.update(root=tmp_path, seconds=0.05)
    contract = type("TestBad", (AgentContract,), {"agent": bad.spec, **bad.more})()

    with pytest.raises(BrokenContract, match=bad.message) as raised:
        getattr(contract, bad.test)()
    assert "\n" not in str(raised.value)


def test_each_test_of_the_contract_is_broken_by_somebody() -> None:
    assert {bad.test for bad in bad_agents.BAD} == set(TESTS)


class Sizes(BaseModel):
    rounds: int = Field(default=2, ge=1, description="how often")
    name: str = Field(description="of what")


async def double(number: int) -> int:
    await asyncio.sleep(0.001)
    return 2 * number


def flaky(number: int) -> int:
    if number == 1:
        raise InputError("1 will not do")
    return number


@agent
async def good_at_everything(run: Run, goal: Goal, parameters: Sizes) -> Result:
    """Uses all that a run offers."""
    if parameters.name == "nobody":
        raise InputError("name: there is nobody of that name")
    await run.progress(0, "begins")
    at, chance, token = await run.now(), await run.random(), await run.uuid()
    doubled = await asyncio.gather(
        *(run.step("double", double, number) for number in range(parameters.rounds))
    )
    try:
        await run.step("flaky", flaky, 1)
    except Exception as error:
        doubled.append(len(str(error)))
    await run.progress(50, "asks")
    other = await run.delegate("analysis", "Chart it")
    await run.sleep(timedelta(days=1))
    published = await run.approve("Publish?", {"doubled": doubled})
    paid = await run.wait_for("paid")
    await run.step("mail", double, 7, once=True)
    await run.artifact("numbers.txt", " ".join(map(str, doubled)))
    await run.progress(100, "done")
    return Result(
        summary=other.summary,
        data={
            "at": at.isoformat(),
            "chance": chance,
            "token": str(token),
            "published": bool(published),
            "paid": paid,
        },
    )


class TestAGoodFunction(AgentContract):
    agent = good_at_everything
    description = "Do it all"
    parameters = {"name": "moss"}
    bad_parameters = ({"name": "nobody"}, {"name": "moss", "rounds": 0})
    decisions = {"Publish?": True}
    results = {"analysis": Result(summary="bars")}
    signals = {"paid": [{"euros": 5}]}


class Reader(Agent[None]):
    def __init__(self, run: Run, parameters: None) -> None:
        super().__init__(run, parameters)
        self.read = 0

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        for number in range(3):
            self.read += await self.run.step("double", double, number)
            yield Progress(percentage=100 * (number + 1) / 3)

    async def get_results(self) -> Result:
        return Result(data={"read": self.read})


class TestAGoodClass(AgentContract):
    agent = AgentSpec(name="reader", description="Reads", agent=Reader)


@agent
async def asks_twice(run: Run, goal: Goal) -> Result:
    """Asks a model two questions."""
    from pydantic_ai import Agent as PydanticAgent

    await run.progress(10)
    answers = [
        (await PydanticAgent(run.model).run(question)).output for question in ("Who?", "What?")
    ]
    return Result(summary=" ".join(answers))


class TestAModelInTurn(AgentContract):
    agent = asks_twice
    model_script = (says("Ann"), says("sings."))

    def test_it_says_what_the_model_said(self) -> None:
        assert "PERDURE_MODEL" not in os.environ


def answer(request: ChatRequest) -> Reply:
    return says("Ann" if "Who" in request.last else "sings.")


class TestAModelByFunction(AgentContract):
    agent = asks_twice
    model_script = staticmethod(answer)


class TestParametersFromAFixture(AgentContract):
    agent = good_at_everything
    decisions = TestAGoodFunction.decisions
    results = TestAGoodFunction.results
    signals = TestAGoodFunction.signals

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def a_name(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.parameters = {"name": str(tmp_path_factory.mktemp("name"))}


class TestParametersAnewForEachTest(AgentContract):
    agent = TestAGoodClass.agent

    @pytest.fixture(autouse=True)
    def nothing(self, tmp_path: Path) -> None:
        self.description = str(tmp_path)


def test_a_contract_without_an_agent_says_so() -> None:
    with pytest.raises(BrokenContract, match="names no agent"):
        AgentContract().test_its_cleanup_is_always_safe()


def test_an_agent_that_is_not_installed_is_named() -> None:
    contract = type("TestMissing", (AgentContract,), {"agent": "moss"})()
    with pytest.raises(BrokenContract, match=r"no agent 'moss' is installed.* pip install -e"):
        contract.test_its_cleanup_is_always_safe()
