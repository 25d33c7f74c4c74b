"""The policy and what is done within a step, and questions whose time is over."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from perdure.agents import AgentSpec, Goal, PolicyDenied, Result, Run, StepFailed
from perdure.agents.steps.run_closed import Suspended
from perdure.policy.policy import Policy
from perdure.policy.reading import parse_policy
from tests.support.agent_executions import AgentExecutions


def rules(*listed: str) -> Policy:
    text = "".join(f"  - {rule}\n" for rule in listed)
    return parse_policy(f"rules:\n{text}", source="rules.yaml")


async def greets(run: Run, goal: Goal) -> Result:
    """Run two commands within one step."""
    return Result(summary=await run.step("greet", partial(greet, run)))


async def greet(run: Run) -> str:
    said = [(await run.command(["echo", word])).stdout.strip() for word in ("hello", "bye")]
    return " ".join(said)


GREETS = AgentSpec(name="support", description="", agent=greets)
SAYS_BYE = "{name: no bye, when: {step: echo, parameters: {program: echo, args: bye}}, then: %s}"


async def test_a_command_within_a_step_is_judged_by_itself() -> None:
    executions = AgentExecutions(GREETS, policy=rules(SAYS_BYE % "deny"))
    with pytest.raises(PolicyDenied, match="does 'echo': rule 'no bye' denies that") as denied:
        await executions.execute()
    assert isinstance(denied.value, StepFailed)
    assert denied.value.key.name == "greet"
    [event] = executions.events("policy.decided")
    assert (event["kind"], event["name"], event["outcome"]) == ("step", "echo", "deny")
    executions.policy = None
    executions.journal.steps.clear()
    assert (await executions.execute()).summary == "hello bye"


async def test_one_that_is_allowed_runs_and_its_step_is_answered_from_the_journal() -> None:
    executions = AgentExecutions(GREETS, policy=rules(SAYS_BYE % "allow"))
    result = await executions.execute_twice()
    assert result.summary == "hello bye"


async def test_an_agent_may_go_on_without_it_in_every_execution() -> None:
    async def careful(run: Run, goal: Goal) -> Result:
        try:
            return await greets(run, goal)
        except PolicyDenied:
            return Result(summary="silent")

    spec = AgentSpec(name="support", description="", agent=careful)
    executions = AgentExecutions(spec, policy=rules(SAYS_BYE % "deny"))
    assert (await executions.execute_twice()).summary == "silent"
    executions.policy = None
    assert (await executions.execute()).summary == "silent"


async def test_nobody_can_be_asked_about_it() -> None:
    executions = AgentExecutions(GREETS, policy=rules(SAYS_BYE % "ask"))
    with pytest.raises(PolicyDenied, match="within the step 'greet' nobody can be waited for"):
        await executions.execute()


async def test_a_yes_to_a_whole_goal_holds_within_its_steps() -> None:
    policy = rules("{name: costly, when: {agent: support}, then: ask, of: [ann]}")
    executions = AgentExecutions(GREETS, policy=policy)
    with pytest.raises(Suspended):
        await executions.execute()
    executions.decisions = {"Agent 'support' works on the goal: may it?": True}
    assert (await executions.execute()).summary == "hello bye"


async def test_nobody_is_asked_what_nobody_could_answer_in_time() -> None:
    policy = rules(
        "{name: ask first, when: {step: greet}, then: ask, expires: '2099-01-01T00:00:00Z'}"
    )
    executions = AgentExecutions(GREETS, policy=policy)
    with pytest.raises(Suspended):
        await executions.execute()

    # Time goes by while the rules are in force.
    over = datetime.now(UTC) - timedelta(seconds=1)
    policy.rules = (policy.rules[0].model_copy(update={"expires": over}),)
    fresh = AgentExecutions(GREETS, policy=policy)
    with pytest.raises(PolicyDenied, match=r"asks people about that, and until .* only"):
        await fresh.execute()
    # What was asked in time, and answered, holds.
    executions.decisions = {"Agent 'support' does 'greet': may it?": True}
    assert (await executions.execute()).summary == "hello bye"
