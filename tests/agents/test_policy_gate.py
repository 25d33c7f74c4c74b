"""The policy in a run: what it denies is not begun, and what it decided is not decided again."""

import json
from functools import partial
from typing import Any

import pytest
from pydantic import JsonValue
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from perdure.adapters.pydantic_ai import durable
from perdure.agents import (
    AgentSpec,
    Goal,
    OutcomeUnknown,
    PermanentError,
    PolicyDenied,
    Result,
    Run,
    StepFailed,
)
from perdure.agents.policy.gate import step_parameters
from perdure.agents.steps.memory import MemoryJournal
from perdure.agents.steps.run_closed import Suspended
from perdure.models import Usage
from perdure.policy.policy import Policy
from perdure.policy.reading import parse_policy
from tests.support.agent_executions import AgentExecutions

DENY = "{name: no refunds, when: {%s: 'refund'}, then: deny, reason: Ask the desk.}"
ASK = "{name: ask first, when: {step: refund}, then: ask, of: [ann]}"
QUESTION = "Agent 'support' does 'refund': may it?"


def rules(*listed: str, default: str = "allow") -> Policy:
    text = "".join(f"  - {rule}\n" for rule in listed)
    return parse_policy(f"default: {default}\nrules:\n{text}", source="rules.yaml")


class Desk:
    """An agent whose steps are counted."""

    def __init__(self, *, catches: bool = False) -> None:
        self.done: list[str] = []
        self.caught: list[Exception] = []
        self.catches = catches

    async def act(self, what: str, amount: int = 0) -> str:
        self.done.append(what)
        return what

    async def agent(self, run: Run, goal: Goal) -> Result:
        await run.step("search", self.act, "search")
        try:
            await run.step("refund", self.act, "refund", amount=250)
        except PolicyDenied as error:
            if not self.catches:
                raise
            self.caught.append(error)
            await run.step("decline", self.act, "decline")
        return Result(summary=",".join(self.done))

    def executions(self, policy: Policy | None, **more: Any) -> AgentExecutions:
        spec = AgentSpec(name="support", description="", agent=self.agent)
        return AgentExecutions(spec, policy=policy, **more)


def decisions(executions: AgentExecutions) -> list[tuple[JsonValue, JsonValue]]:
    found = executions.events("policy.decided")
    return [(data["outcome"], data["rule"]) for data in found]


async def test_a_denied_step_is_not_begun_and_fails_the_goal() -> None:
    desk = Desk()
    executions = desk.executions(rules(DENY % "step"))
    with pytest.raises(PolicyDenied) as denied:
        await executions.execute()
    assert desk.done == ["search"]
    assert isinstance(denied.value, StepFailed)
    assert isinstance(denied.value, PermanentError)
    assert denied.value.failure.permanent
    assert str(denied.value) == (
        "agent 'support' does 'refund': rule 'no refunds' denies that (Ask the desk.): do without"
        " it, or have the rule changed"
    )
    [event] = executions.events("policy.decided")
    assert (event["outcome"], event["rule"]) == ("deny", "no refunds")
    assert (event["kind"], event["name"], event["step"]) == ("step", "refund", "refund")
    assert len(str(event["parameters_digest"])) == 64
    assert "250" not in json.dumps(dict(event))


async def test_an_agent_that_catches_it_takes_the_same_way_under_other_rules() -> None:
    desk = Desk(catches=True)
    executions = desk.executions(rules(DENY % "step"))
    await executions.execute()
    assert desk.done == ["search", "decline"]
    executions.policy = rules()
    await executions.execute()
    assert desk.done == ["search", "decline"]
    assert [type(error) for error in desk.caught] == [type(desk.caught[0])] * 2


async def test_what_was_denied_is_judged_anew_when_the_goal_is_retried() -> None:
    desk = Desk()
    executions = desk.executions(rules(DENY % "step"))
    with pytest.raises(PolicyDenied):
        await executions.execute()
    executions.policy = rules()
    await executions.execute()
    assert desk.done == ["search", "refund"]


async def test_what_is_done_is_not_judged_again() -> None:
    desk = Desk()
    executions = desk.executions(rules())
    await executions.execute()
    executions.policy = rules(DENY % "step", "{name: s, when: {step: search}, then: deny}")
    await executions.execute()
    assert desk.done == ["search", "refund"]


async def test_a_decision_holds_for_a_step_that_was_cut_off() -> None:
    class Cut(MemoryJournal):
        async def record(self, key: Any, outcome: Any) -> None:
            if key.name == "refund":
                raise Suspended  # as if the process had ended before it was recorded
            await super().record(key, outcome)

    desk = Desk()
    allow = "{name: desk, when: {step: '*'}, then: allow}"
    begin = "{name: begin, when: {agent: support}, then: allow}"
    journal = Cut()
    executions = desk.executions(rules(begin, allow, default="deny"), journal=journal)
    with pytest.raises(Suspended):
        await executions.execute()
    kept = MemoryJournal()
    kept.steps = dict(journal.steps)
    executions.journal = kept
    executions.policy = rules(begin, DENY % "step", allow, default="deny")
    await executions.execute()
    assert desk.done == ["search", "refund", "refund"]


async def test_a_step_that_may_have_taken_effect_is_of_unknown_outcome_and_not_denied() -> None:
    async def pay() -> str:
        raise AssertionError("it is not begun a second time")

    async def agent(run: Run, goal: Goal) -> Result:
        await run.step("refund", pay, once=True)
        return Result()

    journal = MemoryJournal()
    spec = AgentSpec(name="support", description="", agent=agent)
    executions = AgentExecutions(spec, policy=rules(DENY % "step"), journal=journal)

    async def begun_before(key: Any, *, once: bool) -> bool:
        return True

    journal.begin = begun_before  # type: ignore[method-assign]
    with pytest.raises(OutcomeUnknown):
        await executions.execute()


async def test_people_are_asked_once_and_a_yes_holds() -> None:
    desk = Desk()
    executions = desk.executions(rules(ASK))
    with pytest.raises(Suspended):
        await executions.execute()
    assert desk.done == ["search"]
    executions.decisions = {QUESTION: True}
    await executions.execute()
    assert desk.done == ["search", "refund"]
    executions.decisions = {}
    await executions.execute()
    assert desk.done == ["search", "refund"]


async def test_a_no_denies() -> None:
    desk = Desk(catches=True)
    executions = desk.executions(rules(ASK), decisions={QUESTION: False})
    await executions.execute()
    assert desk.done == ["search", "decline"]
    assert "rule 'ask first' asks people about that, and test has said no" in str(desk.caught[0])
    assert decisions(executions) == [("deny", "ask first")]


async def test_rules_that_have_become_stricter_count_although_somebody_has_said_yes() -> None:
    desk = Desk()
    executions = desk.executions(rules(ASK))
    with pytest.raises(Suspended):
        await executions.execute()
    executions.decisions = {QUESTION: True}
    executions.policy = rules(ASK, DENY % "step")
    with pytest.raises(PolicyDenied):
        await executions.execute()
    assert desk.done == ["search"]


async def test_within_a_step_nobody_can_be_asked() -> None:
    async def agent(run: Run, goal: Goal) -> Result:
        async def inner() -> str:
            return "paid"

        async def outer() -> str:
            return await run.step("refund", inner)

        await run.step("outer", outer)
        return Result()

    spec = AgentSpec(name="support", description="", agent=agent)
    with pytest.raises(StepFailed, match="within the step 'outer' nobody can be waited for"):
        await AgentExecutions(spec, policy=rules(ASK)).execute()


async def test_a_whole_goal_is_asked_about_once_and_before_its_agent_begins() -> None:
    desk = Desk()
    rule = "{name: costly, when: {agent: support}, then: ask}"
    executions = desk.executions(rules(rule))
    with pytest.raises(Suspended):
        await executions.execute()
    assert desk.done == []
    executions.decisions = {"Agent 'support' works on the goal: may it?": True}
    await executions.execute()
    assert desk.done == ["search", "refund"]


async def test_a_goal_that_is_denied_never_begins() -> None:
    desk = Desk()
    with pytest.raises(PolicyDenied, match="agent 'support' works on the goal"):
        await desk.executions(rules("{name: n, when: {agent: 's*'}, then: deny}")).execute()
    assert desk.done == []


async def test_rules_look_at_arguments_by_name_and_at_what_was_spent() -> None:
    over = "{name: cap, when: {step: refund, parameters: {amount: {over: %s}}}, then: deny}"
    desk = Desk()
    await desk.executions(rules(over % 250)).execute()
    with pytest.raises(PolicyDenied):
        await desk.executions(rules(over % 249)).execute()

    async def agent(run: Run, goal: Goal) -> Result:
        async def pay() -> None:
            await run.spend(Usage(cost=0.75))

        await run.step("first", pay)
        await run.step("second", pay)
        return Result()

    spec = AgentSpec(name="support", description="", agent=agent)
    spent = rules("{name: cap, when: {cost: {spent_over: 0.5}}, then: deny}")
    executions = AgentExecutions(spec, policy=spent)
    with pytest.raises(PolicyDenied, match="'second'"):
        await executions.execute()


def pay(to: str, amount: int = 7, *, note: str = "", **more: object) -> None:
    """Do nothing."""


bound: Any = pay  # to which anything may be bound


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "expected"),
    [
        (pay, ("ann", 5), {}, {"to": "ann", "amount": 5, "note": ""}),
        (pay, ("ann",), {"note": "n"}, {"to": "ann", "amount": 7, "note": "n"}),
        (partial(pay, "ann", note="n"), (5,), {}, {"to": "ann", "amount": 5, "note": "n"}),
        (partial(bound, object()), (), {"amount": 1}, {"amount": 1, "note": ""}),
        (pay, ("b",), {"x": [1]}, {"to": "b", "amount": 7, "note": "", "x": [1]}),
        (max, (3, 4), {}, {"0": 3, "1": 4}),
    ],
)  # fmt: skip
def test_arguments_by_name(
    function: Any, args: tuple[object, ...], kwargs: dict[str, object], expected: object
) -> None:
    assert step_parameters(function, args, kwargs) == expected


async def test_a_command_is_known_by_its_program_and_arguments() -> None:
    async def agent(run: Run, goal: Goal) -> Result:
        await run.command(["echo", "-n", "hello"])
        return Result()

    spec = AgentSpec(name="support", description="", agent=agent)
    when = "{step: '*', parameters: {program: echo, args: '%s'}}"
    await AgentExecutions(
        spec, policy=rules(f"{{name: n, when: {when % 'bye'}, then: deny}}")
    ).execute()
    denying = rules(f"{{name: n, when: {when % 'hello'}, then: deny}}")
    with pytest.raises(PolicyDenied):
        await AgentExecutions(spec, policy=denying).execute()


async def test_the_clock_and_chance_need_no_rule() -> None:
    async def agent(run: Run, goal: Goal) -> Result:
        await run.now(), await run.random(), await run.uuid()
        return Result(summary="done")

    spec = AgentSpec(name="support", description="", agent=agent)
    strict = rules("{name: begin, when: {agent: support}, then: allow}", default="deny")
    assert (await AgentExecutions(spec, policy=strict).execute()).summary == "done"


def refunding_model(arguments: str = '{"amount": 250}') -> FunctionModel:
    """Return a model that calls the tool ``refund`` and then says what it returned."""

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if len(messages) == 1:
            return ModelResponse([ToolCallPart("refund", arguments, tool_call_id="c1")])
        return ModelResponse([TextPart("done")])

    return FunctionModel(respond)


def tool_agent(
    paid: list[int], *, is_durable: bool, arguments: str = '{"amount": 250}'
) -> AgentSpec:
    """Return an agent whose model has a tool, which is a step of the run or not."""

    async def refund(amount: int) -> str:
        paid.append(amount)
        return "paid"

    if is_durable:
        agent = Agent(refunding_model(arguments), tools=[refund])
        return durable(agent, name="support", description="", streamed=False)

    async def execute(run: Run, goal: Goal) -> Result:
        agent = Agent(tools=[refund])
        model = run.durable(refunding_model(arguments)).unstreamed()
        return Result(summary=(await agent.run("Refund it", model=model)).output)

    return AgentSpec(name="support", description="", agent=execute)


@pytest.mark.parametrize("is_durable", [True, False], ids=["a step", "no step"])
async def test_a_model_does_not_get_past_a_rule_about_its_tool(is_durable: bool) -> None:
    paid: list[int] = []
    spec = tool_agent(paid, is_durable=is_durable)
    executions = AgentExecutions(spec, policy=rules(DENY % "tool"))
    with pytest.raises(PolicyDenied, match="calls the tool 'refund': rule 'no refunds' denies"):
        await executions.execute()
    assert paid == []
    [event] = executions.events("policy.decided")
    assert (event["kind"], event["name"], event["outcome"]) == ("tool", "refund", "deny")
    executions.policy = None  # and once the rule is gone, a retry calls it
    await executions.execute()
    assert paid == [250]


@pytest.mark.parametrize("is_durable", [True, False], ids=["a step", "no step"])
@pytest.mark.parametrize("arguments", ['{"amount": 250}', '{"amount": "250"}'])
async def test_a_tools_arguments_are_looked_at_however_they_are_written(
    is_durable: bool, arguments: str
) -> None:
    paid: list[int] = []
    cap = "{name: cap, when: {tool: refund, parameters: {amount: {over: %s}}}, then: deny}"
    spec = tool_agent(paid, is_durable=is_durable, arguments=arguments)
    await AgentExecutions(spec, policy=rules(cap % 250)).execute()
    assert paid == [250]
    with pytest.raises(PolicyDenied):
        await AgentExecutions(spec, policy=rules(cap % 249)).execute()
    assert paid == [250]


@pytest.mark.parametrize("is_durable", [True, False], ids=["a step", "no step"])
async def test_people_are_asked_about_a_call_of_a_tool(is_durable: bool) -> None:
    paid: list[int] = []
    rule = "{name: ask, when: {tool: refund}, then: ask}"
    executions = AgentExecutions(tool_agent(paid, is_durable=is_durable), policy=rules(rule))
    with pytest.raises(Suspended):
        await executions.execute()
    assert paid == []
    executions.decisions = {"Agent 'support' calls the tool 'refund': may it?": True}
    assert (await executions.execute()).summary == "done"
    assert paid == [250]


async def test_a_request_to_a_model_is_a_step() -> None:
    deny = "{name: n, when: {step: 'model *', parameters: {model: 'function:*'}}, then: deny}"
    executions = AgentExecutions(tool_agent([], is_durable=False), policy=rules(deny))
    with pytest.raises(PolicyDenied, match="does 'model function"):
        await executions.execute()


async def test_without_a_policy_nothing_is_recorded() -> None:
    desk = Desk()
    executions = desk.executions(None)
    await executions.execute()
    assert [key.name for key in executions.journal.steps] == ["search", "refund"]
    assert decisions(executions) == []
