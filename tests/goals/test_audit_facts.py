"""What of real goals is in the audit trail: each fact, its digests, and no word of people."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue
from sqlalchemy import select

from perdure.agents import AgentSpec, Goal, PermanentError, PolicyDenied, Result, Run
from perdure.audit.canonical import salted
from perdure.models import GoalStatus
from perdure.schemas.access import Fact, FactFilter
from perdure.stores.database import schema
from perdure.testing import ModelServer, ToolCall, calls, says
from tests.support.audit_keys import write_keys
from tests.support.installation import Install, Installation

pytestmark = pytest.mark.asyncio(loop_scope="session")

PERSON = "Ann Erasmus"
QUESTION = f"Pay {PERSON}?"
ANSWER = f"{PERSON} is owed 70"
RULES = """
default: allow
rules:
  - {name: may refund, when: {step: refund}, then: allow}
  - {name: no transfers, when: {step: transfer}, then: deny}
"""


def refund(to: str) -> int:
    return len(to)


def transfer(to: str) -> None:
    raise AssertionError("a rule denies it")


async def desk(run: Run, goal: Goal) -> Result:
    """Do all that leaves facts."""
    from pydantic_ai import Agent as ModelAgent

    agent = ModelAgent()

    @agent.tool_plain
    def look_up(name: str) -> str:
        return f"the file of {name}"

    answered = await agent.run(goal.description, model=run.model)
    amount = await run.step("refund", refund, PERSON)
    with contextlib.suppress(PolicyDenied):
        await run.step("transfer", transfer, PERSON)
    await run.artifact(f"report of {PERSON}.txt", answered.output)
    if not await run.approve(QUESTION, {"to": PERSON, "amount": amount}, of=[PERSON, "bob"]):
        raise PermanentError("no")
    helped = await run.delegate("helper", f"write to {PERSON}", parameters={})
    return Result(summary=helped.summary)


async def helper(run: Run, goal: Goal) -> Result:
    return Result(summary="written")


SPECS = (
    AgentSpec(name="desk", description="", agent=desk),
    AgentSpec(name="helper", description="", agent=helper),
)


async def facts_of(here: Installation, workflow_id: str) -> list[Fact]:
    return (await here.stores.trail.list(FactFilter(subject=workflow_id), limit=500))[::-1]


async def column(here: Installation, query: Any) -> Any:
    return await here.stores.database.read(lambda connection: connection.execute(query).scalar())


async def salt_of(here: Installation, workflow_id: str) -> str:
    goals = schema.goals.c
    return str(await column(here, select(goals.audit_salt).where(goals.workflow_id == workflow_id)))


def only(facts: list[Fact], kind: str) -> Mapping[str, JsonValue]:
    [data] = [fact.data for fact in facts if fact.kind == kind]
    return data


async def test_all_that_a_goal_does_is_on_record_with_digests(
    install: Install, model_server: ModelServer, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    model_server.answers([calls(ToolCall("look_up", {"name": PERSON})), says(ANSWER)])
    key = str(write_keys(tmp_path)[0])
    here = await install(*SPECS, audit_key=key, policy=rules)
    workflow_id = await here.start("desk", {})
    await here.answer(workflow_id, QUESTION, by=PERSON)
    output, record = await here.finish(workflow_id)
    assert output.success, record.error
    facts, salt = await facts_of(here, workflow_id), await salt_of(here, workflow_id)

    started = only(facts, "run.started")
    assert started["description"] == salted(salt, "try")
    assert started["parameters"] == salted(salt, "{}")
    versions = {fact.data["agent_version"] for fact in facts if fact.kind == "execution.started"}
    assert versions == {"perdure-test 1.0"}

    paid = [fact.data for fact in facts if fact.kind == "model.request"]
    steps = {fact.data["input"]: fact.data for fact in facts if fact.kind == "step.completed"}
    assert len(paid) == 2
    for request in paid:
        assert request["kept"] is True
        assert isinstance(request["input_tokens"], int)
        assert isinstance(request["output_tokens"], int)
        assert isinstance(request["cost"], int | float)
        assert str(request["model"])
        # Both digests are those of the journal's step, and those of what lies there.
        assert request["output"] == steps[request["input"]]["output"]
        assert await _has_step(here, workflow_id, salt, request)

    called, returned = only(facts, "tool.called"), only(facts, "tool.returned")
    assert (called["tool"], returned["tool"]) == ("look_up", "look_up")
    assert called["tool_call_id"] == returned["tool_call_id"]
    assert len(str(called["arguments"])) == len(str(returned["result"])) == 64

    decided = [fact.data for fact in facts if fact.kind == "policy.decided"]
    assert [(one["outcome"], one["rule"], one["name"]) for one in decided] == [
        ("allow", "may refund", "refund"),
        ("deny", "no transfers", "transfer"),
    ]
    digests = {str(one["policy_digest"]) for one in decided}
    assert len(digests) == 1

    asked, answered = only(facts, "approval.requested"), only(facts, "approval.decided")
    assert asked["question"] == salted(salt, QUESTION)
    assert len(str(asked["data"])) == 64
    assert answered["approved"] is True
    votes, people = answered["votes"], asked["of"]
    assert isinstance(votes, list)
    assert isinstance(people, list)
    assert isinstance(votes[0], dict)
    assert votes[0]["by"] == people[0]
    assert "reason" in votes[0]

    made = only(facts, "artifact")
    assert (made["media_type"], made["size"]) == ("text/plain", len(ANSWER))
    assert len(str(made["digest"])) == len(str(made["name"])) == 64
    child = only(facts, "delegated")["workflow_id"]
    below = await facts_of(here, str(child))
    assert only(below, "run.started")["parent"] == workflow_id
    assert [fact.kind for fact in below][-1] == "run.completed"
    assert facts[-1].kind == "run.completed"
    words = json.dumps([fact.model_dump(mode="json", exclude={"who"}) for fact in facts + below])
    assert PERSON not in words
    assert "try" not in {*json.dumps(started).split('"')}


async def _has_step(
    here: Installation, workflow_id: str, salt: str, request: Mapping[str, JsonValue]
) -> bool:
    """Return whether a step of the journal has what a request's digests are of."""
    rows = schema.steps.c
    query = select(rows.digest, rows.value).where(rows.workflow_id == workflow_id)
    found = await here.stores.database.read(lambda connection: connection.execute(query).all())
    digests = {(salted(salt, row.digest), salted(salt, row.value)) for row in found}
    return (request["input"], request["output"]) in digests


async def test_a_lost_answer_is_paid_and_has_no_digest(
    install: Install, model_server: ModelServer, tmp_path: Path
) -> None:
    async def asks(run: Run, goal: Goal) -> Result:
        from pydantic_ai import Agent as ModelAgent

        return Result(summary=(await ModelAgent().run("Look", model=run.model)).output)

    from perdure.testing import breaks_off

    model_server.answers([breaks_off("It is for"), says("It is 42.")])
    here = await install(
        AgentSpec(name="asks", description="", agent=asks), audit_key=str(write_keys(tmp_path)[0])
    )
    workflow_id = await here.start("asks")
    output, _ = await here.finish(workflow_id)
    assert output.success
    paid = [one.data for one in await facts_of(here, workflow_id) if one.kind == "model.request"]
    assert [(one["kept"], "output" in one) for one in paid] == [(False, False), (True, True)]


async def test_what_becomes_of_goals_is_on_record(install: Install, tmp_path: Path) -> None:
    async def fails(run: Run, goal: Goal) -> Result:
        await run.step("look", len, PERSON)
        if await run.approve("Fail?"):
            raise PermanentError(f"{PERSON} is away")
        return Result(summary="done")

    here = await install(
        AgentSpec(name="fails", description="", agent=fails),
        audit_key=str(write_keys(tmp_path)[0]),
    )
    failing, cancelled = await here.start("fails"), await here.start("fails")
    await here.answer(failing, "Fail?")
    _, record = await here.finish(failing)
    assert record.status is GoalStatus.FAILED
    await here.service.control.retry(failing)
    await here.finish(failing)
    await here.question(cancelled, "Fail?")
    await here.service.control.cancel(cancelled)
    await here.until_status(cancelled, GoalStatus.CANCELLED)
    kinds = [fact.kind for fact in await facts_of(here, failing)]
    assert kinds.count("run.failed") == 2
    assert kinds.count("run.retried") == 1
    failed = [fact.data for fact in await facts_of(here, failing) if fact.kind == "run.failed"]
    assert "PermanentError" in json.dumps(failed)
    assert (await facts_of(here, cancelled))[-1].kind == "run.cancelled"
    await here.stores.deletion.delete(cancelled)
    assert (await facts_of(here, cancelled))[-1].kind == "run.cancelled", "facts outlast goals"
