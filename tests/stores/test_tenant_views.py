"""Views by tenant: whatever names a thing of another tenant's finds what finds nothing at all."""

import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from perdure.agents.steps.journal import ApprovalRequest, DelegateRequest
from perdure.agents.steps.keys import StepKey
from perdure.messages import Wait
from perdure.models import (
    DEFAULT_TENANT,
    Goal,
    GoalRecord,
    GoalStatus,
    Result,
    ScoreContent,
    Usage,
    Vote,
)
from perdure.models.batches import BatchSettings, NewItem
from perdure.stores import Stores, UnknownGoal
from perdure.stores.artifacts.uploads import UploadStore
from perdure.stores.database.errors import (
    InputRefused,
    UnknownApproval,
    UnknownBatch,
    UnknownUpload,
)
from perdure.stores.database.fencing import Claim
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.journal.delegates import delegate_row, delegated_goal
from perdure.stores.runs.idempotency import digest_of

GOAL = Goal(goal_id="sales", description="Profile the sales", agent_type="analysis")
ITEM = NewItem(key="1")
GOOD = ScoreContent(name="good", value=1)
MOMENT = timedelta(0)
DIGEST = f"sha256:{hashlib.sha256(b'# Report').hexdigest()}"


@dataclass(frozen=True)
class Owned:
    """A run that the tenant ``acme`` has, with one of each thing that belongs to a run."""

    run: str
    claim: Claim
    approval: str
    delegate: str
    upload: str
    token: str = ""
    batch: str = ""

    @property
    def upload_id(self) -> str:
        return self.upload.removeprefix("upload:").partition("/")[0]

    @property
    def vote(self) -> Vote:
        return Vote(by="ann", approved=True, reason="", at=datetime(2026, 3, 29, tzinfo=UTC))


Case = Callable[[Stores, Owned], Awaitable[object]]


async def _set_up(stores: Stores, name: str = "acme") -> Owned:
    acme = stores.of(name)
    run = f"goal-sales-of-{name}"
    await acme.goals.create(GOAL, run, datetime.now(UTC))
    claim = Claim(run, "first", 1, datetime.now(UTC))
    claim, _ = await stores.executions.start(claim, None, {})
    waits = stores.waits.for_execution(claim)
    question = ApprovalRequest("Publish?", None, None, (), 1)
    approval = await waits.open(StepKey("ask", "0" * 64, 0), question)
    part = DelegateRequest("analysis", "Chart the counts", {})
    delegate = await waits.open(StepKey("part", "0" * 64, 0), part)
    assert isinstance(approval, Wait)
    assert isinstance(delegate, Wait)
    assert delegate.workflow_id is not None
    ledger = stores.ledger.for_execution(claim)
    key = StepKey("ask the model", "0" * 64, 0)
    await ledger.settle(await ledger.reserve(key, "m", Usage()), Usage(), kept=True)
    await ledger.close(1.0)
    await stores.context.journal(claim).begin(StepKey("send", "a" * 64, 0, 1), once=True)
    await stores.artifacts.writer(claim).write("report.md", b"# Report", "text/markdown")
    await stores.metrics.record(run, "analysis", "rows", 3)
    await stores.executions.suspend(claim, GoalStatus.WAITING, "run.waiting", {})

    async def content() -> AsyncIterator[bytes]:
        yield b"a,b"

    upload = await acme.uploads.receive("sales.csv", content())
    await acme.upload_records.add(upload)
    token = await acme.upload_records.token(upload.id)
    batch = await acme.batches.create("november", BatchSettings(agent_type="analysis"))
    await acme.batches.add(batch.batch_id, [ITEM])
    return Owned(run, claim, approval.id, delegate.workflow_id, upload.path, token, batch.batch_id)


@pytest.fixture
async def owned(stores: Stores) -> Owned:
    return await _set_up(stores)


def _record(of: Owned) -> GoalRecord:
    """Return a record, as somebody might make one up."""
    return GoalRecord(
        workflow_id=of.run,
        goal_id="sales",
        description="Profile the sales",
        agent_type="analysis",
        status=GoalStatus.RUNNING,
        started_at=datetime.now(UTC),
        tenant="acme",
    )


async def _first_event(view: Stores, of: Owned) -> object:
    async for event in view.events.follow(of.run):
        return event
    return None


async def _read_events(view: Stores, of: Owned) -> object:
    with view.events.reader(of.run) as reader:
        return await reader.next()


async def _remove(view: Stores, of: Owned) -> object:
    await view.uploads.remove(of.upload_id)
    return "removed"


async def _usage(view: Stores) -> object:
    return (await view.usage.report(datetime(2020, 1, 1, tzinfo=UTC), "agent")).groups


async def _undo_reopen(view: Stores, of: Owned) -> object:
    end = await _end_and_reopen(view, of)
    await view.control.undo_reopen(of.run, end)
    return "undone"


async def _end_and_reopen(view: Stores, of: Owned):  # type: ignore[no-untyped-def]
    await view.results.store(of.run, GoalStatus.FAILED, None, 1.0)
    return await view.control.reopen(of.run)


async def _delete(view: Stores, of: Owned) -> object:
    await _end(view, of)
    return await view.deletion.delete(of.run)


async def _begin_deletion(view: Stores, of: Owned) -> object:
    await _end(view, of)
    return await view.deletion.begin(of.run)


async def _end(view: Stores, of: Owned) -> None:
    if view.tenant == "acme":  # nobody else can end them
        for run in (of.run, of.delegate):
            await view.results.store(run, GoalStatus.FAILED, None, 1.0)


# What names one thing, or a run of which there is something.
BY_ID: dict[str, Case] = {
    "holds.hold": lambda view, of: view.holds.hold(of.run, "ann", "a lawsuit"),
    "holds.release": lambda view, of: view.holds.release(of.run),
    "goals.get": lambda view, of: view.goals.get(of.run),
    "goals.find": lambda view, of: view.goals.find(of.run),
    "goals.find a goal id": lambda view, _: view.goals.find("sales"),
    "goals.find a beginning": lambda view, of: view.goals.find(of.run[:14]),
    "goals.get a delegate": lambda view, of: view.goals.get(of.delegate),
    "goals.set_status": lambda view, of: view.goals.set_status(of.run, GoalStatus.PAUSED),
    "results.draft": lambda view, of: view.results.draft(of.claim, Result(summary="x")),
    "results.store": lambda view, of: view.results.store(of.run, GoalStatus.FAILED, None, 1.0),
    "events.append": lambda view, of: view.events.append(of.run, "run.waiting", {}),
    "events.after": lambda view, of: view.events.after(of.run, 0),
    "events.policy_decisions": lambda view, of: view.events.policy_decisions(of.run),
    "events.recent_steps": lambda view, of: view.events.recent_steps(of.run),
    "events.follow": _first_event,
    "events.reader": _read_events,
    "events.texts_of_step": lambda view, of: view.events.texts_of_step(of.run, "ask#0#0"),
    "events.open_texts": lambda view, of: view.events.open_texts(of.run, 1),
    "timelines.of": lambda view, of: view.timelines.of(_record(of)),
    "recordings.of": lambda view, of: view.recordings.of(_record(of)),
    "scores.give": lambda view, of: view.scores.give(of.run, GOOD, "ann"),
    "scores.of": lambda view, of: view.scores.of(of.run),
    "notebook.of": lambda view, of: view.notebook.of(of.run),
    "deletion.delete": _delete,
    "deletion.begin": _begin_deletion,
    "reruns.create": lambda view, of: view.reruns.create(
        GOAL, "again", _record(of), from_step=None, by="ann"
    ),
    "reruns.steps": lambda view, of: view.reruns.steps(_record(of)),
    "reruns.check_step": lambda view, of: view.reruns.check_step(_record(of), "part"),
    "reruns.made_from": lambda view, of: view.reruns.made_from(of.run),
    "reruns.withdraw": lambda view, of: view.reruns.withdraw(of.run),
    "approvals.get": lambda view, of: view.approvals.get(of.approval),
    "approvals.find": lambda view, of: view.approvals.find(of.approval[:8]),
    "approvals.vote": lambda view, of: view.approvals.vote(of.approval, of.vote),
    "waits.pending": lambda view, of: view.waits.pending(of.run),
    "signals.send": lambda view, of: view.signals.send(of.run, "go", None),
    "once_steps.unknown": lambda view, of: view.once_steps.unknown(of.run),
    "once_steps.settle": lambda view, of: view.once_steps.settle(
        of.run, "send", by="ann", done=False
    ),
    "control.reopen": _end_and_reopen,
    "control.undo_reopen": _undo_reopen,
    "executions.start": lambda view, of: view.executions.start(of.claim, None, {}),
    "executions.suspend": lambda view, of: view.executions.suspend(
        of.claim, GoalStatus.WAITING, "run.waiting", {}
    ),
    "ledger.of": lambda view, of: view.ledger.of(of.run),
    "metrics.of": lambda view, of: view.metrics.of(of.run),
    "metrics.record": lambda view, of: view.metrics.record(of.run, "analysis", "rows", 4),
    "artifacts.of": lambda view, of: view.artifacts.of(of.run),
    "upload_records.get": lambda view, of: view.upload_records.get(of.upload_id),
    "upload_records.token": lambda view, of: view.upload_records.token(of.upload_id),
    "upload_records.check_token": lambda view, of: view.upload_records.check_token(
        of.upload_id, of.token
    ),
    "uploads.find": lambda view, of: _awaited(view.uploads.find(of.upload)),
    "uploads.remove": _remove,
    "batches.get": lambda view, of: view.batches.get(of.batch),
    "batches.add": lambda view, of: view.batches.add(of.batch, [ITEM]),
    "batches.known_keys": lambda view, of: view.batches.known_keys(of.batch, [ITEM]),
    "batches.items": lambda view, of: view.batches.items(of.batch),
    "batches.pause": lambda view, of: view.batches.pause(of.batch),
    "batches.resume": lambda view, of: view.batches.resume(of.batch),
    "batches.cancel": lambda view, of: view.batches.cancel(of.batch),
    "batches.retry_failed": lambda view, of: view.batches.retry_failed(of.batch),
}
# What lists, counts or changes whatever there is of the runs that are named, or of all.
LISTS: dict[str, Case] = {
    "goals.list": lambda view, _: view.goals.list(),
    "goals.list of a status": lambda view, _: view.goals.list(status=GoalStatus.WAITING),
    "goals.counts": lambda view, _: view.goals.counts(),
    "goals.running_by_pool": lambda view, _: view.goals.running_by_pool(),
    "goals.by_tenant": lambda view, of: view.goals.by_tenant([of.run]),
    "approvals.list": lambda view, _: view.approvals.list(),
    "approvals.list of a run": lambda view, of: view.approvals.list(workflow_id=of.run),
    "approvals.count_open": lambda view, _: view.approvals.count_open(),
    "control.open_descendants": lambda view, of: view.control.open_descendants(of.run),
    "control.silent_runs": lambda view, _: view.control.silent_runs(MOMENT),
    "control.last_event_at": lambda view, of: view.control.last_event_at(of.run),
    "executions.requests": lambda view, of: view.executions.requests([of.run]),
    "ledger.costs": lambda view, of: view.ledger.costs([_record(of)]),
    "artifacts.content": lambda view, _: view.artifacts.content(DIGEST),
    "usage.report": lambda view, _: _usage(view),
    "upload_records.list": lambda view, _: view.upload_records.list(),
    "metrics.totals": lambda view, _: view.metrics.totals(),
    "batches.list": lambda view, _: view.batches.list(),
}
# What a claim opens, whose holder has started an execution of the run; what only gives the content
# for a digest out of a run's record; and what is told apart below.
OTHERS = {
    *("context.journal", "waits.for_execution", "ledger.for_execution", "ledger.seconds_left"),
    *("artifacts.writer", "notebook.for_execution"),
    *("events.feed", "events.subscribe", "goals.create", "waits.not_woken", "control.request"),
    *("idempotency_keys.claim", "responses.get", "responses.put"),
    *("uploads.check", "uploads.receive", "uploads.local_parameters", "uploads.folder"),
    *("upload_records.add", "upload_records.remove"),
    *("batches.create", "batches.owner"),
    *("scores.writer", "scores.give_as_agent"),
    # Without a key there is no audit trail: see test_audit_trail.py. The operator's are the rest.
    *("trail.list", "trail.export", "trail.sealed_until", "trail.record_settings"),
    "executions.requested",  # of runs that are executed, by whom a worker knows
    # Of the tenant alone, and of runs whose deletion the same view has begun.
    *("holds.hold_tenant", "holds.release_tenant", "holds.list", "deletion.delete_rows"),
}
UNKNOWN = (UnknownGoal, UnknownApproval, UnknownBatch, UnknownUpload)


async def _awaited(value: object) -> object:
    return value


@pytest.mark.parametrize("name", BY_ID)
async def test_another_tenants_id_is_as_one_that_does_not_exist(
    stores: Stores, owned: Owned, name: str
) -> None:
    nothing = Owned(
        owned.run.replace("acme", "none"),
        replace(owned.claim, workflow_id=owned.run.replace("acme", "none")),
        "0" * 32,
        owned.delegate[:-1],
        f"upload:{'0' * 32}/sales.csv",
        batch="batch-none",
    )
    for tenant in ("other", DEFAULT_TENANT):
        told = []
        for of in (owned, nothing):
            with pytest.raises(UNKNOWN) as raised:
                await BY_ID[name](stores.of(tenant), of)
            names = r"(?:goal|batch)-[^'\"]+|[0-9a-f]{8,}"
            told.append((raised.type, re.sub(names, "ID", str(raised.value))))
        assert told[0] == told[1]
    # Those who may not have changed nothing of it, so its tenant does it now.
    await BY_ID[name](stores.of("acme"), owned)


@pytest.mark.parametrize("name", LISTS)
async def test_another_tenants_things_are_in_no_list(
    stores: Stores, owned: Owned, name: str
) -> None:
    assert await LISTS[name](stores.of("acme"), owned)
    assert await LISTS[name](stores, owned)
    for tenant in ("other", DEFAULT_TENANT):
        assert not await LISTS[name](stores.of(tenant), owned)


def test_every_store_and_every_method_of_one_is_tried_here(stores: Stores) -> None:
    tried = {name.split(" ")[0] for name in (*BY_ID, *LISTS)} | OTHERS
    there = {
        f"{field.name}.{method}"
        for field in fields(stores)
        if isinstance(store := getattr(stores, field.name), TenantStore | UploadStore)
        for method in dir(type(store))
        if not method.startswith("_") and method != "of_tenant"
    }
    assert there == tried
    not_by_tenant = {
        *("stores_id", "database", "installation", "agents", "tenant"),
        *("workers", "callbacks", "access", "contents", "counts", "due", "leases", "slots"),
        *("redis", "seals", "batch_feed", "resealing"),
        "people",  # it is told the tenant
    }
    assert {name.partition(".")[0] for name in there} == {
        field.name for field in fields(stores) if not field.name.startswith("_")
    } - not_by_tenant


async def test_all_that_a_run_leaves_is_its_tenants(stores: Stores, owned: Owned) -> None:
    await stores.of("acme").results.store(owned.run, GoalStatus.FAILED, None, 1.0)
    assert (await stores.goals.get(owned.delegate)).tenant == "acme"
    assert {total.name for total in await stores.of("acme").metrics.totals()} == {
        "rows",
        "execution_time",
    }

    def tenants(connection):  # type: ignore[no-untyped-def]
        from sqlalchemy import select

        from perdure.stores.database import schema

        tables = ("approvals", "spending", "totals", "metrics", "artifacts")
        return {
            name: set(connection.execute(select(schema.metadata.tables[name].c.tenant)).scalars())
            for name in tables
        }

    assert set(map(frozenset, (await stores.database.read(tenants)).values())) == {
        frozenset({"acme"})
    }
    child = await stores.database.write(
        lambda transaction: delegated_goal(delegate_row(transaction, owned.delegate))
    )
    assert child.tenant == "acme"


async def test_a_claim_knows_whose_its_run_is(stores: Stores, owned: Owned) -> None:
    assert owned.claim.tenant == "acme"


async def test_the_record_of_anothers_upload_stays(stores: Stores, owned: Owned) -> None:
    assert not await stores.of("other").upload_records.remove(owned.upload_id)
    assert await stores.of("acme").upload_records.remove(owned.upload_id)


async def test_requests_of_another_tenant_change_nothing(stores: Stores, owned: Owned) -> None:
    await stores.of("other").control.request([owned.run], "cancel")
    assert (await stores.executions.requests([owned.run]))[owned.run][0] is None
    await stores.of("acme").control.request([owned.run, "none"], "cancel")
    assert (await stores.executions.requests([owned.run]))[owned.run][0] == "cancel"


async def test_waits_are_woken_by_tenant(stores: Stores, owned: Owned) -> None:
    await stores.of("acme").approvals.vote(owned.approval, owned.vote)
    assert await stores.waits.not_woken(MOMENT) == [(owned.run, owned.approval)]
    assert len(await stores.of("acme").waits.not_woken(MOMENT)) == 1
    assert await stores.of("other").waits.not_woken(MOMENT) == []


async def test_equal_keys_and_requests_of_two_tenants_are_two(stores: Stores) -> None:
    digest = digest_of(GOAL)
    for tenant in ("acme", "other"):
        view = stores.of(tenant)
        # The same goal, too: the run that another tenant started is not given away.
        assert await view.idempotency_keys.claim("key", digest, f"run-{tenant}") == f"run-{tenant}"
        assert await view.idempotency_keys.claim("key", digest, "again") == f"run-{tenant}"
        assert await view.responses.get("d" * 64) is None
        await view.responses.put("d" * 64, tenant, Usage())
    assert await stores.of("acme").responses.get("d" * 64) == "acme"
    assert await stores.responses.get("d" * 64) is None
    assert await stores.idempotency_keys.claim("key", digest, "run") == "run"


def test_a_goals_tenant_is_in_its_json_only_when_it_is_another(stores: Stores) -> None:
    assert stores.tenant is None
    assert "tenant" not in GOAL.model_dump_json()
    other = GOAL.model_copy(update={"tenant": "acme"})
    assert Goal.model_validate_json(other.model_dump_json()).tenant == "acme"
    assert digest_of(other) == digest_of(GOAL)


async def test_files_of_two_tenants_lie_apart(stores: Stores, owned: Owned) -> None:
    goal = GOAL.model_copy(update={"parameters": {"path": owned.upload}})
    assert stores.of("other").uploads.local_parameters(goal) == goal.parameters
    (path,) = stores.of("acme").uploads.local_parameters(goal).values()
    assert path == str(stores.of("acme").uploads.find(owned.upload))


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "Acme", ".incoming", "a" * 65, "a\n", "ä"])
def test_a_tenants_name_is_one_for_a_folder(stores: Stores, name: str) -> None:
    with pytest.raises(InputRefused, match="no name for a tenant"):
        stores.of(name)
