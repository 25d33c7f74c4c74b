"""The policy with the real workflow and worker, on both databases."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import BaseModel, JsonValue

from perdure.agents import AgentSpec, Goal, PolicyDenied, Result, Run
from perdure.models import Budget, GoalStatus
from perdure.policy.errors import PolicyInvalid
from perdure.policy.reading import load_policy
from perdure.schemas.approvals import ApprovalStatus
from tests.support.installation import Install, Installation

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUESTION = "Agent 'desk' does 'refund': may it?"
FINE = "{name: fine, when: {step: refund}, then: allow}"
DENY = "{name: no refunds, when: {step: refund}, then: deny}"
ASK = "{name: two people, when: {step: refund}, then: ask, of: [ann, bob], needed: 2, expires: 1h}"


@pytest_asyncio.fixture(loop_scope="session", params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Return the address of a database of either kind; empty for SQLite in the home."""
    if request.param == "sqlite":
        yield ""
        return
    server = request.getfixturevalue("postgresql")
    async with server.database() as url:
        yield url


def write_rules(path: Path, *rules: str, default: str = "allow") -> Path:
    listed = "".join(f"  - {rule}\n" for rule in rules)
    path.write_text(f"default: {default}\nrules:\n{listed}" if rules else f"default: {default}\n")
    return path


class Order(BaseModel):
    region: str = ""
    careful: bool = False


class Desk:
    """An agent that searches, refunds, and says what it has done."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def act(self, what: str) -> str:
        self.done.append(what)
        return what

    async def agent(self, run: Run, goal: Goal) -> Result:
        await run.step("search", self.act, "search")
        if goal.parameters.get("careful"):
            try:
                await run.step("refund", self.act, "refund")
            except PolicyDenied as error:
                await run.approve("Go on without?")
                return Result(summary=f"not refunded: {error}")
        else:
            await run.step("refund", self.act, "refund")
        return Result(summary="refunded")

    @property
    def spec(self) -> AgentSpec:
        return AgentSpec(name="desk", description="", agent=self.agent, parameters=Order)


async def decided(here: Installation, workflow_id: str) -> list[tuple[JsonValue, JsonValue]]:
    events = await here.stored_events(workflow_id)
    found = [event.data for event in events if event.type == "policy.decided"]
    return [(data["outcome"], data["rule"]) for data in found]


async def test_a_denied_step_fails_its_goal_at_once_and_a_retry_goes_by_todays_rules(
    install: Install, tmp_path: Path, database_url: str
) -> None:
    desk, path = Desk(), write_rules(tmp_path / "rules.yaml", DENY)
    here = await install(desk.spec, work=False, database_url=database_url, policy=path)
    async with here.worker():
        workflow_id = await here.start("desk")
        output, record = await here.finish(workflow_id)
    assert not output.success
    assert record.error is not None
    assert record.error.type == "PolicyDenied"
    assert record.error.permanent
    assert "rule 'no refunds' denies that" in record.error.message
    assert desk.done == ["search"]
    types = await here.events(workflow_id)
    assert "run.retrying" not in types
    assert types.index("policy.decided") < types.index("step.failed")
    assert await decided(here, workflow_id) == [("deny", "no refunds")]
    details = await here.stores.events.policy_decisions(workflow_id)
    assert [(one.outcome, one.kind, one.name) for one in details] == [("deny", "step", "refund")]
    write_rules(path)
    async with here.worker():
        await here.service.control.retry(workflow_id)
        output, _ = await here.finish(workflow_id)
    assert output.success
    assert desk.done == ["search", "refund"]


async def test_an_agent_that_does_without_goes_on_as_it_did_under_other_rules(
    install: Install, tmp_path: Path, database_url: str
) -> None:
    desk, path = Desk(), write_rules(tmp_path / "rules.yaml", DENY)
    here = await install(desk.spec, work=False, database_url=database_url, policy=path)
    workflow_id = await here.start("desk", {"careful": True})
    async with here.worker():
        await here.until_status(workflow_id, GoalStatus.WAITING)
        await here.until_idle(workflow_id)
    await here.forget_sticky_queue(workflow_id)
    write_rules(path)
    await here.answer(workflow_id, "Go on without?")
    async with here.worker():
        output, record = await here.finish(workflow_id)
    assert output.success
    assert record.result is not None
    assert record.result.summary.startswith("not refunded: ")
    assert desk.done == ["search"]
    assert await decided(here, workflow_id) == [("deny", "no refunds")]


async def test_people_are_asked_once_over_executions_and_each_decision_is_on_record_once(
    install: Install, tmp_path: Path, database_url: str
) -> None:
    desk, path = Desk(), write_rules(tmp_path / "rules.yaml", ASK)
    here = await install(desk.spec, work=False, database_url=database_url, policy=path)
    workflow_id = await here.start("desk")
    async with here.worker():
        approval = await here.question(workflow_id, QUESTION)
        await here.until_status(workflow_id, GoalStatus.WAITING)
        await here.until_idle(workflow_id)
    assert (approval.of, approval.needed) == (("ann", "bob"), 2)
    assert approval.expires_at is not None
    assert (approval.expires_at - approval.asked_at).total_seconds() == 3600
    assert approval.data == {"rule": "two people", "parameters": {"what": "refund"}}
    await here.forget_sticky_queue(workflow_id)
    await here.answer(workflow_id, QUESTION, by="ann")
    await here.answer(workflow_id, QUESTION, by="bob")
    async with here.worker():
        output, _ = await here.finish(workflow_id)
    assert output.success
    assert desk.done == ["search", "refund"]
    assert await decided(here, workflow_id) == [("ask", "two people"), ("allow", "two people")]
    types = await here.events(workflow_id)
    assert types.count("approval.requested") == 1
    assert "policy decision" not in {
        str(event.data.get("step")) for event in await here.stored_events(workflow_id)
    }


async def test_a_no_and_a_time_that_is_over_deny(install: Install, tmp_path: Path) -> None:
    desk, path = Desk(), write_rules(tmp_path / "rules.yaml", ASK)
    here = await install(desk.spec, policy=path)
    workflow_id = await here.start("desk")
    await here.answer(workflow_id, QUESTION, approved=False, by="bob")
    output, record = await here.finish(workflow_id)
    assert not output.success
    assert record.error is not None
    assert record.error.message.endswith("and bob has said no: do without it")
    assert await decided(here, workflow_id) == [("ask", "two people"), ("deny", "two people")]


async def test_a_time_that_is_over_denies(install: Install, tmp_path: Path) -> None:
    rule = "{name: quick, when: {step: refund}, then: ask, expires: 1s}"
    desk, path = Desk(), write_rules(tmp_path / "rules.yaml", rule)
    here = await install(desk.spec, policy=path)
    workflow_id = await here.start("desk")
    output, record = await here.finish(workflow_id)
    assert not output.success
    assert record.error is not None
    assert "nobody has said yes in time" in record.error.message
    [approval] = await here.stores.approvals.list(workflow_id=workflow_id)
    assert approval.status is ApprovalStatus.EXPIRED


async def test_people_have_until_a_day_and_time(install: Install, tmp_path: Path) -> None:
    rule = "{name: by then, when: {step: refund}, then: ask, expires: '2099-01-31T12:00:00+01:00'}"
    desk, path = Desk(), write_rules(tmp_path / "rules.yaml", rule)
    here = await install(desk.spec, policy=path)
    workflow_id = await here.start("desk")
    approval = await here.question(workflow_id, QUESTION)
    assert approval.expires_at is not None
    late_by = approval.expires_at - datetime(2099, 1, 31, 11, tzinfo=UTC)
    assert timedelta(0) <= late_by < timedelta(minutes=5)
    await here.answer(workflow_id, QUESTION)
    output, _ = await here.finish(workflow_id)
    assert output.success


async def test_a_goal_is_refused_at_hand_in_by_agent_parameters_and_budget(
    install: Install, tmp_path: Path
) -> None:
    rules = (
        "{name: eu only, when: {agent: desk, parameters: {region: {not: EU}}}, then: deny}",
        "{name: cheap, when: {cost: {budget_over: 5}}, then: deny}",
    )
    desk, path = Desk(), write_rules(tmp_path / "rules.yaml", *rules)
    here = await install(desk.spec, policy=path)
    with pytest.raises(PolicyDenied, match="eu only"):
        await here.start("desk", {"region": "US"}, budget=Budget(cost=1))
    with pytest.raises(PolicyDenied, match="cheap"):
        await here.start("desk", {"region": "EU"})
    with pytest.raises(PolicyDenied, match="cheap"):
        await here.start("desk", {"region": "EU"}, budget=Budget(cost=6))
    assert await here.stores.goals.list() == []
    output, _ = await here.finish(await here.start("desk", {"region": "EU"}, budget=Budget(cost=5)))
    assert output.success


async def test_a_goal_that_another_delegates_is_judged_where_it_begins(
    install: Install, tmp_path: Path
) -> None:
    async def lead(run: Run, goal: Goal) -> Result:
        await run.delegate("desk", "refund it", {"region": "US"})
        return Result()

    rule = "{name: eu only, when: {agent: desk, parameters: {region: US}}, then: deny}"
    desk, path = Desk(), write_rules(tmp_path / "rules.yaml", rule)
    leader = AgentSpec(name="lead", description="", agent=lead)
    here = await install(desk.spec, leader, policy=path)
    output, record = await here.finish(await here.start("lead"))
    assert not output.success
    assert record.error is not None
    assert "rule 'eu only' denies that" in record.error.message
    assert desk.done == []


async def test_a_run_made_from_another_is_judged_by_todays_rules(
    install: Install, tmp_path: Path
) -> None:
    allow = "{name: fine, when: {step: refund}, then: allow}"
    desk, path = Desk(), write_rules(tmp_path / "rules.yaml", allow)
    here = await install(desk.spec, work=False, policy=path)
    async with here.worker():
        workflow_id = await here.start("desk")
        await here.finish(workflow_id)
    assert await decided(here, workflow_id) == [("allow", "fine")]
    write_rules(path, DENY)
    async with here.worker():
        rerun = await here.service.run_again(workflow_id, by="ann", from_step="refund")
        here.started.append(rerun.workflow_id)
        output, _ = await here.finish(rerun.workflow_id)
    assert not output.success
    assert desk.done == ["search", "refund"]


async def test_rules_that_change_on_disk_count_for_what_has_not_begun(
    install: Install, tmp_path: Path
) -> None:
    async def agent(run: Run, goal: Goal) -> Result:
        await run.approve("Go on?")
        await run.step("refund", desk.act, "refund")
        return Result(summary="refunded")

    desk, path = Desk(), write_rules(tmp_path / "rules.yaml", FINE)
    here = await install(AgentSpec(name="desk", description="", agent=agent), policy=path)
    before = load_policy(path)
    workflow_id = await here.start("desk")
    await here.until_status(workflow_id, GoalStatus.WAITING)
    # Neither a worker nor a service is started anew. A file that is wrong changes nothing.
    replace_rules(path, "{name: no refunds, when: {stepp: refund}, then: deny}")
    other = await here.start("desk")
    await here.answer(other, "Go on?")
    output, _ = await here.finish(other)
    assert output.success
    replace_rules(path, DENY, "{name: no more, when: {agent: desk}, then: deny}")
    with pytest.raises(PolicyDenied, match="no more"):
        await here.start("desk")
    replace_rules(path, DENY)
    await here.answer(workflow_id, "Go on?")
    output, _ = await here.finish(workflow_id)
    assert not output.success
    assert desk.done == ["refund"]
    decisions = [
        (one.rule, one.policy_digest)
        for goal in (other, workflow_id)
        for one in await here.stores.events.policy_decisions(goal)
    ]
    after = load_policy(path)
    assert before is not None
    assert after is not None
    assert decisions == [("fine", before.digest), ("no refunds", after.digest)]


def replace_rules(path: Path, *rules: str) -> None:
    """Put other rules in place in one step, as if they had been written a minute ago."""
    other = write_rules(path.with_name("new.yaml"), *rules)
    a_minute_ago = other.stat().st_mtime - 60
    os.utime(other, (a_minute_ago, a_minute_ago))
    other.replace(path)


async def test_a_worker_with_rules_that_are_wrong_does_not_begin(
    install: Install, tmp_path: Path
) -> None:
    desk, path = Desk(), write_rules(tmp_path / "rules.yaml")
    here = await install(desk.spec, work=False, policy=path)
    path.write_text("default: allow\nrulse: []\n")
    with pytest.raises(PolicyInvalid, match="line 2: rulse is not known"):
        here.worker()
