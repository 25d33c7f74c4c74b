"""With keys, nobody who has the database, the bucket and the home can read what goals were about.

Goals of many kinds are run that say a word of their own wherever words can be said. Each of these
words is then looked for in every file, and without keys each is found.
"""

import logging
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from pydantic import BaseModel, JsonValue

from perdure.agents import AgentSpec, Goal, InputPath, Result, Run
from perdure.models import GoalStatus, ScoreContent, Usage, Vote
from perdure.schemas.access import AuditEntry
from perdure.stores import StoreUnavailable
from tests.support.encryption import write_keys
from tests.support.installation import Install, Installation
from tests.support.object_storage import ObjectStorage
from tests.support.postgresql import PostgreSQL

pytestmark = pytest.mark.asyncio(loop_scope="session")

KINDS: Final = (
    *("description", "parameter", "progress", "text", "small", "large", "failure"),
    *("question", "data", "reason", "signal", "delegated", "summary", "result"),
    *("artifact", "largefile", "upload", "uploaded", "label", "comment", "remark"),
    *("cached", "callback", "hold", "detail", "note"),
)
LARGE: Final = 300_000


def spell(nonce: str) -> dict[str, str]:
    """Return a word of each kind; none is in another, nor in any text of ours."""
    return {kind: f"w{nonce}{kind}w" for kind in KINDS}


class Said(BaseModel):
    nonce: str
    path: InputPath
    said: str


def small(words: dict[str, str]) -> str:
    return words["small"]


def large(words: dict[str, str]) -> list[str]:
    return [words["large"], "x" * LARGE]


def fail(words: dict[str, str]) -> None:
    raise ValueError(words["failure"])


async def teller(run: Run, goal: Goal, parameters: Said) -> Result:
    """Say a word wherever an agent can say one."""
    words = spell(parameters.nonce)
    await run.progress(10, words["progress"])
    await run.text(words["text"])
    await run.step("small", small, words)
    await run.step("large", large, words)
    await run.score("quality", words["label"], words["comment"])
    await run.notebook.write("said", {"a": words["note"]}, version=0)
    with pytest.raises(Exception, match=words["failure"]):
        await run.step("fail", fail, words)
    assert parameters.path.read_text(encoding="utf-8") == words["uploaded"]
    await run.artifact("notes.txt", words["artifact"])
    await run.artifact("large.bin", words["largefile"].encode() * 100_000)
    decision = await run.approve(words["question"], {"a": words["data"]}, of=["ann"])
    said = await run.wait_for("more")
    part = await run.delegate("helper", words["delegated"])
    return Result(
        summary=words["summary"],
        data={"word": words["result"], "said": said, "part": part.summary, "by": decision.approved},
    )


async def helper(run: Run, goal: Goal) -> Result:
    return Result(summary=f"did {goal.description}")


async def breaker(run: Run, goal: Goal) -> Result:
    raise ValueError(goal.description)


AGENTS: Final = [
    AgentSpec(name="teller", description="", agent=teller, parameters=Said),
    AgentSpec(name="helper", description="", agent=helper),
    AgentSpec(name="breaker", description="", agent=breaker),
]


async def tell_all(here: Installation, nonce: str) -> str:
    """Run goals that say every word, and return the one whose result has been checked."""
    words, stores = spell(nonce), here.stores
    path = await hand_in(here, f"{words['upload']}.txt", words["uploaded"])
    parameters: dict[str, JsonValue] = {"nonce": nonce, "path": path, "said": words["parameter"]}
    goal = Goal(
        goal_id="test",
        description=words["description"],
        agent_type="teller",
        parameters=parameters,
    )
    workflow_id = await here.service.start(
        goal, idempotency_key=f"key-{nonce}", callback_url=f"https://x.example/{words['callback']}"
    )
    here.started.append(workflow_id)
    vote = Vote(by="ann", approved=True, reason=words["reason"], at=datetime.now(UTC))
    question = await here.question(workflow_id, words["question"])
    await here.service.decisions.vote(question.approval_id, vote)
    await here.until_event(workflow_id, "approval.decided")
    await here.signal(workflow_id, "more", {"a": words["signal"]})
    output, record = await here.finish(workflow_id)
    assert output.success, record.error
    await stores.scores.give(
        workflow_id, ScoreContent(name="fit", value=1.0, comment=words["remark"]), "ann"
    )
    await stores.holds.hold(workflow_id, "ann", words["hold"])
    await stores.responses.put("d" * 64, words["cached"], Usage())
    entry = AuditEntry(
        at=datetime.now(UTC),
        tenant="default",
        who="ann",
        address="",
        action="goal.start",
        subject=workflow_id,
        status=200,
        details={"word": words["detail"]},
    )
    await stores.access.audit.append(entry)
    broken = Goal(goal_id="broken", description=words["failure"], agent_type="breaker")
    here.started.append(await here.service.start(broken))
    await here.until_status(here.started[-1], GoalStatus.FAILED)
    return workflow_id


async def hand_in(here: Installation, name: str, text: str) -> str:
    """Hand a file in, as the API does, and return the path that a goal names it by."""

    async def pieces() -> AsyncIterator[bytes]:
        yield text.encode()

    upload = await here.stores.uploads.receive(name, pieces())
    return (await here.stores.upload_records.add(upload)).path


def found_in(contents: Iterable[bytes], nonce: str) -> set[str]:
    """Return the kinds whose word is in any of some contents."""
    words = {kind: word.encode() for kind, word in spell(nonce).items()}
    found = set()
    for content in contents:
        found |= {kind for kind, word in words.items() if word in content}
    return found


def files_below(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def names_below(folder: Path) -> bytes:
    return "\n".join(map(str, folder.rglob("*"))).encode()


async def read_back(here: Installation, workflow_id: str, nonce: str) -> None:
    """Check that everything is read as it was said, whatever it is stored as."""
    words, stores = spell(nonce), here.stores
    record = await stores.goals.get(workflow_id)
    assert record.description == words["description"]
    assert record.parameters["said"] == words["parameter"]
    assert record.result is not None
    assert record.result.summary == words["summary"]
    assert record.result.data == {
        "word": words["result"],
        "said": {"a": words["signal"]},
        "part": f"did {words['delegated']}",
        "by": True,
    }
    assert {score.comment for score in record.scores} == {words["comment"], words["remark"]}
    assert record.hold is not None
    assert record.hold.reason == words["hold"]
    contents = {each.name: await stores.contents.read(each.digest) for each in record.artifacts}
    assert contents["notes.txt"] == words["artifact"].encode()
    assert contents["large.bin"] == words["largefile"].encode() * 100_000
    (approval,) = await stores.approvals.list(workflow_id=workflow_id)
    assert (approval.question, approval.data) == (words["question"], {"a": words["data"]})
    assert approval.status.value == "approved"
    assert [vote.reason for vote in approval.votes] == [words["reason"]]
    (upload,) = await stores.upload_records.list()
    assert upload.name == f"{words['upload']}.txt"
    assert await stores.responses.get("d" * 64) == words["cached"]
    (entry,) = await stores.access.audit.list(None, subject=workflow_id)
    assert entry.details == {"word": words["detail"]}
    listed = await stores.goals.list()
    assert {goal.workflow_id for goal in listed} > {workflow_id}
    events = await here.stored_events(workflow_id)
    said = [event.data for event in events if event.type == "text.delta"]
    assert {data["text"] for data in said} == {words["text"]}


@pytest.mark.sqlite  # the database is in the home
@pytest.mark.parametrize("keys", [(), ("first",)], ids=["plain", "encrypted"])
async def test_no_word_is_in_a_home(
    install: Install,
    tmp_path: Path,
    own_home: Path,
    capfd: pytest.CaptureFixture[str],
    log_to_stderr: Callable[..., None],
    keys: tuple[str, ...],
) -> None:
    log_to_stderr(logging.INFO)
    nonce = uuid.uuid4().hex[:12]
    source = write_keys(tmp_path / "keys", *keys) if keys else ""
    here = await install(*AGENTS, encryption_keys=source)
    workflow_id = await tell_all(here, nonce)
    await read_back(here, workflow_id, nonce)
    found = found_in(files_below(own_home), nonce)
    assert found == (set() if keys else set(KINDS))
    if keys:
        said = capfd.readouterr()
        assert (
            found_in([said.out.encode(), said.err.encode(), names_below(own_home)], nonce) == set()
        )


@pytest.mark.parametrize("keys", [(), ("first",)], ids=["plain", "encrypted"])
async def test_no_word_is_in_a_cluster(
    install: Install,
    tmp_path: Path,
    own_home: Path,
    postgresql: PostgreSQL,
    postgresql_url: str,
    object_storage: ObjectStorage,
    keys: tuple[str, ...],
) -> None:
    nonce = uuid.uuid4().hex[:12]
    here = await install(
        *AGENTS,
        encryption_keys=write_keys(tmp_path / "keys", *keys) if keys else "",
        database_url=postgresql_url,
        artifacts_url=object_storage.url,
    )
    workflow_id = await tell_all(here, nonce)
    await read_back(here, workflow_id, nonce)
    contents = [postgresql.dump(postgresql_url), *map(Path.read_bytes, object_storage.files())]
    if not keys:
        assert found_in(contents, nonce) == set(KINDS)
        return
    assert found_in([*contents, *files_below(own_home)], nonce) == set()
    await postgresql.execute("CHECKPOINT")
    # Its write-ahead log is among them.
    assert found_in(map(Path.read_bytes, postgresql.files()), nonce) == set()


async def test_keys_can_be_set_and_changed_with_goals_under_way(
    install: Install, tmp_path: Path
) -> None:
    """A goal goes on from a journal of plain and of sealed steps, whatever the newest key is."""
    done: Counter[str] = Counter()

    def work(name: str, length: int) -> str:
        done[name] += 1
        return name * length

    async def asking(run: Run, goal: Goal) -> Result:
        told = []
        for name in "abc":
            told.append(await run.step(f"small {name}", work, name, 1))
            told.append((await run.step(f"large {name}", work, name, LARGE))[0])
            if name != "c":
                await run.approve(f"After {name}?", name)
        return Result(summary="".join(told))

    spec = AgentSpec(name="asking", description="", agent=asking)
    sources = [
        "",
        write_keys(tmp_path / "first", "first"),
        write_keys(tmp_path / "second", "second", "first"),
    ]
    workflow_id = ""
    for source, question, before in zip(sources, ("a", "b", ""), ("", "a", "b"), strict=True):
        here = await install(spec, work=False, encryption_keys=source)
        async with here.worker():
            if before:
                await here.answer(workflow_id, f"After {before}?")
            else:
                workflow_id = await here.start("asking")
            if question:
                await here.question(workflow_id, f"After {question}?")
                await here.until_status(workflow_id, GoalStatus.WAITING)
            else:
                output, record = await here.finish(workflow_id)
    assert output.success, record.error
    assert record.result is not None
    assert record.result.summary == "aabbcc"
    assert done == {"a": 2, "b": 2, "c": 2}
    approvals = await here.stores.approvals.list(workflow_id=workflow_id)
    assert [each.data for each in approvals] == ["b", "a"]

    only_new = await install(spec, work=False, encryption_keys=write_keys(tmp_path / "x", "second"))
    with pytest.raises(StoreUnavailable, match="the key 'first', which is not among"):
        await only_new.stores.events.after(workflow_id, 0)
    with pytest.raises(StoreUnavailable, match=r"are encrypted .* PERDURE_ENCRYPTION_KEYS is not"):
        await install(spec, work=False)
    with pytest.raises(StoreUnavailable, match="'second', which is not among"):
        await install(spec, work=False, encryption_keys=sources[1])
