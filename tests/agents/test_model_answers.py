"""Work that a model does or, where it fails for good, the agent's own rules; and why."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent as PydanticAgent
from pydantic_ai.models import Model

from perdure.agents import (
    Answer,
    AnswerRefused,
    BudgetExceeded,
    Goal,
    InputError,
    OutcomeUnknown,
    Result,
    Run,
    StepFailed,
    agent,
)
from perdure.agents.execution import execute_agent
from perdure.agents.factory import create_agent
from perdure.agents.model_calls.circuit_breaker import CIRCUIT_BREAKERS
from perdure.agents.steps import retry
from perdure.agents.steps.errors import failure_from
from perdure.agents.steps.memory import MemoryEmitter, MemoryJournal
from perdure.agents.steps.run_closed import Fenced, RunClosed
from perdure.models import FailureKind
from perdure.testing import (
    AgentContract,
    ModelServer,
    Reply,
    ToolCall,
    breaks_off,
    calls,
    garbles,
    refuses,
    rehearse,
    says,
)
from tests.support.model_executions import BudgetLedger

QUESTION = "What is six times seven?"
GOAL = Goal(goal_id="g", description=QUESTION, agent_type="asks")
MODEL = "openai-chat:scripted"


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing between tries, and forget which providers were down."""
    monkeypatch.setattr(retry, "INITIAL_BACKOFF", 0.001)
    monkeypatch.setattr(CIRCUIT_BREAKERS, "_breakers", {})


def a_run(
    journal: MemoryJournal | None = None,
    *,
    model: str = MODEL,
    ledger: BudgetLedger | None = None,
) -> Run:
    return Run(GOAL, journal, model=model, ledger=ledger)


async def ask(model: Model, question: str) -> str:
    return (await PydanticAgent().run(question, model=model)).output


async def look_up(question: str) -> str:
    return f"Rule 42 answers {question!r}."


def is_short(answer: str) -> None:
    if len(answer) > 20:
        raise AnswerRefused(f"{len(answer)} characters are no short answer")


async def try_it(run: Run, question: str = QUESTION) -> Answer[str]:
    return await run.try_model("answer", ask, look_up, question, check=is_short)


async def test_the_models_answer_is_taken(model_server: ModelServer) -> None:
    model_server.answers([says("It is 42.")])
    run = a_run()
    assert await try_it(run) == Answer("It is 42.", "model", MODEL)
    assert run.ways_metadata() == {"way": "model", "model": MODEL}


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("", "no model is named: set PERDURE_MODEL"),
        ("nobody:knows", "model 'nobody:knows' cannot be used"),
        ("openai", "cannot be used"),
    ],
)
async def test_without_a_model_it_is_done_by_rules(model: str, reason: str) -> None:
    run = a_run(model=model)
    assert not await run.has_model()
    answer = await try_it(run)
    assert (answer.way, answer.model) == ("rules", "")
    assert answer.value == f"Rule 42 answers {QUESTION!r}."
    assert reason in answer.reason
    assert run.ways_metadata() == {"way": "rules", "way_reason": answer.reason}


async def test_a_missing_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "perdure.agents.model_calls.durable_model", None)
    answer = await try_it(a_run())
    assert "pip install 'perdure[models]'" in answer.reason


class Figure(BaseModel):
    number: int


def is_known(figure: Figure) -> None:
    Figure.model_validate({"number": "x" * figure.number})


async def ask_figure(model: Model) -> Figure:
    result = await PydanticAgent(output_type=Figure).run("Which?", model=model)
    return result.output


async def no_figure() -> Figure:
    return Figure(number=0)


FAILURES: dict[str, tuple[list[Reply], str]] = {
    "wrong key": ([refuses(401)], "failed: the service refuses the key (HTTP 401)"),
    "no such model": ([refuses(404)], "failed: status_code: 404"),
    "no money": ([refuses(429, code="insufficient_quota")], "insufficient_quota"),
    "down": ([refuses(503)] * 4, "failed: "),
    "breaks off": ([breaks_off("It is")] * 4, "failed: "),
    "no JSON": ([garbles()] * 8, "failed: "),
    "not as asked": ([says("It is 42.")] * 2, "gave is refused: "),
    "invented tools": ([calls(ToolCall("fetch_moon"))] * 3, "gave is refused: "),
    "refused": ([calls(ToolCall("final_result", {"number": 3}))], "is refused: 1 validation error"),
}


@pytest.mark.parametrize(("replies", "reason"), FAILURES.values(), ids=FAILURES)
async def test_a_model_that_fails_for_good_is_done_without(
    model_server: ModelServer, replies: list[Reply], reason: str
) -> None:
    model_server.answers(replies)
    journal = MemoryJournal()
    answer = await a_run(journal).try_model("figure", ask_figure, no_figure, check=is_known)
    assert (answer.way, answer.value, answer.model) == ("rules", Figure(number=0), MODEL)
    assert reason in answer.reason
    asked = len(model_server.requests)
    again = await a_run(journal).try_model("figure", ask_figure, no_figure, check=is_known)
    assert again == answer
    assert len(model_server.requests) == asked


async def test_a_provider_that_is_down_is_not_waited_for(model_server: ModelServer) -> None:
    model_server.answers(lambda _: refuses(503))
    answers = [await try_it(a_run()) for _ in range(2)]
    assert [answer.way for answer in answers] == ["rules", "rules"]
    assert "is left alone" in answers[1].reason


async def test_what_was_decided_holds_whatever_the_settings_say(model_server: ModelServer) -> None:
    model_server.answers([says("It is 42.")])
    without, with_model = MemoryJournal(), MemoryJournal()
    rules = await try_it(a_run(without, model=""))
    assert await try_it(a_run(without)) == rules
    answer = await try_it(a_run(with_model))
    assert await try_it(a_run(with_model, model="")) == answer
    assert await a_run(with_model, model="").has_model()
    assert len(model_server.requests) == 1


async def test_a_decision_for_the_rules_asks_nothing_again(model_server: ModelServer) -> None:
    model_server.answers([says("x" * 40), says("so long", delay=60)])
    journal = MemoryJournal()

    async def ask_in_time(model: Model, question: str) -> str:
        async with asyncio.timeout(None if len(model_server.requests) == 0 else 0.2):
            return await ask(model, question)

    async def both(run: Run) -> list[Answer[str]]:
        late = run.try_model("late", ask_in_time, look_up, "Late?")
        return [await try_it(run), await late]

    answers = await both(a_run(journal))
    assert answers[0].reason == f"what {MODEL} gave is refused: 40 characters are no short answer"
    assert answers[1].way == "rules"
    assert len(model_server.requests) == 2
    assert await both(a_run(journal)) == answers
    assert await both(a_run(journal, model="")) == answers
    assert len(model_server.requests) == 2


async def test_a_spent_budget_ends_the_requests(model_server: ModelServer) -> None:
    model_server.answers([says("x" * 400), says("It is 42.")])
    journal, ledger = MemoryJournal(), BudgetLedger(tokens=60)

    async def both(run: Run) -> list[Answer[str]]:
        ledger.tokens = 60 if not ledger.entries else 100_000
        first = await try_it(run)
        ledger.tokens = 100_000  # what is left does not count any more
        return [first, await try_it(run, "And eight times?")]

    answers = await both(a_run(journal, ledger=ledger))
    assert [answer.way for answer in answers] == ["rules", "rules"]
    assert all("budget" in answer.reason for answer in answers)
    assert await both(a_run(journal, ledger=ledger)) == answers
    assert len(model_server.requests) == 1
    later = a_run(journal, ledger=ledger)
    await try_it(later)
    with pytest.raises(StepFailed) as raised:
        await ask(later.model, "Something else?")
    assert failure_from(raised.value).kind is FailureKind.BUDGET
    assert len(model_server.requests) == 1


async def test_a_provider_that_asks_to_wait_is_waited_for_a_while(
    model_server: ModelServer,
) -> None:
    model_server.answers(lambda _: refuses(429, retry_after=400))
    journal = MemoryJournal()

    async def executed() -> Answer[str]:
        run = a_run(journal)
        try:
            return await try_it(run)
        except StepFailed as error:
            await run.withdraw_failures(error)
            raise

    for _ in range(2):
        with pytest.raises(StepFailed) as raised:
            await executed()
        assert failure_from(raised.value).kind is FailureKind.THROTTLED
        assert failure_from(raised.value).retry_after == 400
    assert (await executed()).way == "rules"
    assert len(model_server.requests) == 3
    assert (await executed()).way == "rules"
    assert len(model_server.requests) == 3


async def closed(_: Model) -> str:
    raise Fenced


async def cancelled(_: Model) -> str:
    raise asyncio.CancelledError


async def out_of_steps(_: Model) -> str:
    raise BudgetExceeded("no step left")


async def out_of_steps_in_a_group(_: Model) -> str:
    raise ExceptionGroup("both", [ValueError("x"), ExceptionGroup("", [BudgetExceeded("none")])])


async def unknown(_: Model) -> str:
    raise OutcomeUnknown("was it sent?")


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        (closed, RunClosed),
        (cancelled, asyncio.CancelledError),
        (out_of_steps, BudgetExceeded),
        (out_of_steps_in_a_group, ExceptionGroup),
        (unknown, OutcomeUnknown),
    ],
)
async def test_what_is_no_failure_of_the_model_passes(
    model_server: ModelServer,
    attempt: Callable[[Model], Awaitable[str]],
    error: type[BaseException],
) -> None:
    async def rules() -> str:
        raise AssertionError("the rules are no way around it")

    run = a_run()
    with pytest.raises(error):
        await run.try_model("answer", attempt, rules)
    assert run.ways_metadata() == {}


async def confused(_: Model) -> str:
    return {"a": "b"}["c"]


async def wrong_path(_: Model) -> str:
    raise InputError("there is no table moon")


async def several(_: Model) -> str:
    raise ExceptionGroup("two", [KeyError("c"), AnswerRefused("no quote")])


@pytest.mark.parametrize(
    ("attempt", "reason", "is_logged"),
    [
        (confused, f"the work with {MODEL} failed: KeyError: 'c'", True),
        (wrong_path, f"{MODEL} failed: there is no table moon", False),
        (several, f"what {MODEL} gave is refused: 'c'; no quote", False),
    ],
)
async def test_nonsense_that_confuses_the_agent_fails_no_goal(
    model_server: ModelServer,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    attempt: Callable[[Model], Awaitable[str]],
    reason: str,
    is_logged: bool,
) -> None:
    async def rules() -> str:
        return "by rules"

    answer = await a_run().try_model("answer", attempt, rules)
    assert answer == Answer("by rules", "rules", MODEL, reason)
    logged = capsys.readouterr().out + caplog.text
    assert ("work with a model failed" in logged) is is_logged


async def test_readers_see_the_thinking_the_text_and_the_tools_of_an_attempt(
    model_server: ModelServer,
) -> None:
    look, lift = ToolCall("look", {"what": "moon"}), ToolCall("lift", {})
    model_server.answers(
        [
            Reply("<think>Where is it?</think>Let me look.", tool_calls=(look,), pieces=7),
            calls(look, lift),
        ]
    )
    emitter = MemoryEmitter()
    run = Run(GOAL, emitter=emitter, model=MODEL)

    async def ask_with_tools(model: Model) -> str:
        moon = PydanticAgent()

        @moon.tool_plain
        async def look(what: str) -> str:
            return await run.step("look", seen, what)

        @moon.tool_plain
        async def lift() -> str:
            raise InputError("it is too heavy")

        return (await moon.run("Lift the moon.", model=model)).output

    async def seen(what: str) -> str:
        await asyncio.sleep(0.05)
        return f"the {what} is up"

    async def stay() -> str:
        return "it stays"

    assert (await run.try_model("lift", ask_with_tools, stay)).reason.endswith("it is too heavy")
    assert sorted(emitter.texts.values()) == ["Let me look.", "Where is it?"]
    tools = [data for type_, data in emitter.events if type_.startswith("tool.")]
    told = [
        (data["tool"], data.get("arguments") or data.get("result") or data["error"])
        for data in tools
    ]
    assert told[:3] == [
        ("look", '{"what": "moon"}'),
        ("look", "the moon is up"),
        ("look", '{"what": "moon"}'),
    ]
    assert ("lift", "{}") in told
    assert ("lift", "it is too heavy") in told
    seconds = [data["seconds"] for data in tools if "seconds" in data]
    assert len(seconds) == 3
    assert 0.05 <= float(str(seconds[0])) < 1


async def test_a_failure_of_the_rules_is_the_goals(model_server: ModelServer) -> None:
    model_server.answers([refuses(401)])

    async def rules(_: str) -> str:
        raise InputError("the file is empty")

    journal = MemoryJournal()
    for _ in range(2):
        run = a_run(journal)
        with pytest.raises(InputError) as raised:
            await run.try_model("answer", ask, rules, QUESTION)
        # The model's failure is not withdrawn with it: it is not asked again.
        await run.withdraw_failures(raised.value)
    assert len(model_server.requests) == 1


async def test_many_at_once_choose_once_and_each_its_own_way(model_server: ModelServer) -> None:
    model_server.answers(lambda asked: says("short" if "even" in asked.last else "x" * 30))
    journal = MemoryJournal()

    async def all_at_once() -> list[str]:
        run = a_run(journal)
        questions = [f"{'odd' if number % 2 else 'even'} {number}" for number in range(6)]
        answers = await asyncio.gather(*(try_it(run, question) for question in questions))
        assert run.ways_metadata()["way"] == "both"
        assert run.ways_metadata()["model"] == MODEL
        return [answer.way for answer in answers]

    assert await all_at_once() == await all_at_once() == ["model", "rules"] * 3
    assert [key.name for key in journal.steps].count("choose a model") == 1
    assert len(model_server.requests) == 6


async def test_a_check_may_be_async_and_its_own_mistake_is_no_refusal(
    model_server: ModelServer,
) -> None:
    model_server.answers([says("one"), says("two")])

    async def checked(value: str) -> None:
        await asyncio.sleep(0)
        raise ValueError(f"{value} is no number")

    answer = await a_run().try_model("answer", ask, look_up, "A?", check=checked)
    assert answer.reason == f"what {MODEL} gave is refused: one is no number"


@agent
async def asks(run: Run, goal: Goal) -> Result:
    """Answers with a model where there is one."""
    await run.progress(10, "asking")
    answer = await run.try_model("answer", ask, look_up, goal.description, check=is_short)
    return Result(summary=answer.value)


async def test_a_result_says_how_it_was_made(model_server: ModelServer) -> None:
    model_server.answers([says("It is 42."), refuses(401)])
    done = await rehearse(asks, QUESTION)
    assert done.result.metadata["way"] == "model"
    assert done.result.metadata["model"] == MODEL
    done = await rehearse(asks, QUESTION)
    assert done.result.metadata["way"] == "rules"
    assert "refuses the key" in str(done.result.metadata["way_reason"])


async def test_an_agent_that_tries_no_model_says_nothing_of_it() -> None:
    @agent
    async def plain(run: Run, goal: Goal) -> Result:
        """Does nothing."""
        return Result(summary="done")

    run = Run(GOAL)
    result = await execute_agent(create_agent(plain, {}, run), run)
    assert "way" not in result.metadata


class TestContractWithModel(AgentContract):
    agent = asks
    description = QUESTION
    model_script = [says("It is 42.")]


class TestContractWithBadModel(AgentContract):
    agent = asks
    description = QUESTION
    model_script = [says("x" * 40)]


class TestContractWithoutModel(AgentContract):
    agent = asks
    description = QUESTION
