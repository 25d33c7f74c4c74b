"""Callbacks: what is posted, how it is signed, to whom it is not, and how often."""

import asyncio
import base64
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select, update
from structlog.testing import capture_logs

from perdure.agents.steps.journal import ApprovalRequest
from perdure.agents.steps.keys import StepKey
from perdure.models import Failure, FailureKind, Goal, GoalStatus, Result
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.database import schema
from perdure.stores.database.fencing import Claim
from perdure.stores.journal.reopen import reopen
from perdure.temporal.client.callback_urls import CallbackRefused, CallbackUrls
from perdure.temporal.worker.callbacks import CallbackPoster

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
FAILURE = Failure(type="X", message="it broke", kind=FailureKind.PERMANENT)


@dataclass
class Receiver:
    """A server on loopback that takes posts and answers with what it is told."""

    url: str = ""
    answers: list[str] = field(default_factory=list)
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = [line.partition(": ") for line in head.splitlines()[1:] if line]
        headers = {name.lower(): value for name, _, value in lines}
        body = await reader.readexactly(int(headers["content-length"]))
        self.posts.append((headers, body))
        status = self.answers.pop(0) if self.answers else "204 No Content"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.posts]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    async with server:
        yield receiver


@pytest.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    if request.param == "sqlite":
        yield ""
        return
    async with request.getfixturevalue("postgresql").database() as url:
        yield url


def settings_of(home: Path, **changes: object) -> Settings:
    given = {"home": home, "callback_secret": SECRET, "callback_allow": "127.0.0.1", **changes}
    return Settings.model_validate(given)


async def open_run(stores: Stores, url: str, run: str = "run") -> Claim:
    await stores.callbacks.add(run, url)
    goal = Goal(goal_id="g", description="d", agent_type="echo")
    await stores.goals.create(goal, run, datetime.now(UTC))
    claim, _ = await stores.executions.start(Claim(run, "r", 1, datetime.now(UTC)), None, {})
    return claim


async def end(stores: Stores, run: str = "run", failure: Failure | None = None) -> None:
    status = GoalStatus.FAILED if failure else GoalStatus.COMPLETED
    await stores.results.store(run, status, failure, 1.5)


async def make_due(stores: Stores) -> int:
    """Let what waits for another attempt be due; return the attempts so far."""
    long_ago = datetime.now(UTC) - timedelta(seconds=1)
    change = update(schema.callbacks).values(due_at=long_ago)
    await stores.database.write(lambda writing: writing.connection.execute(change))
    query = select(schema.callbacks.c.attempts)
    attempts: int = await stores.database.read(
        lambda connection: connection.execute(query).scalar_one()
    )
    return attempts


async def test_the_end_of_a_goal_is_posted_once_and_signed(
    own_home: Path, database_url: str
) -> None:
    settings = settings_of(own_home, database_url=database_url)
    async with receiving() as receiver, open_stores(settings) as stores:
        poster = CallbackPoster(stores, settings)
        claim = await open_run(stores, receiver.url)
        assert await poster.post_due() == 0
        await stores.results.draft(claim, Result(summary="done", data={"n": 1}))
        await end(stores)
        # Two workers: one of them posts it.
        assert sum(await asyncio.gather(poster.post_due(), poster.post_due())) == 1
        assert await make_due(stores) == 0
        assert await poster.post_due() == 0

    ((headers, body),) = receiver.posts
    event = json.loads(body)
    assert headers["content-type"].startswith("application/cloudevents+json")
    assert (event["specversion"], event["type"]) == ("1.0", "perdure.run.completed")
    assert event["source"] == f"urn:perdure:installation:{stores.stores_id}"
    assert event["subject"] == "run"
    assert datetime.fromisoformat(event["time"]).tzinfo is not None
    assert event["data"] == {
        "workflow_id": "run", "goal_id": "g", "agent_type": "echo", "number": 2,
        "status": "completed", "summary": "done", "execution_time": 1.5,
    }  # fmt: skip
    assert headers["webhook-id"] == event["id"]
    assert "." not in event["id"]
    signed = f"{event['id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"k" * 24, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60


async def test_a_question_and_then_the_end_come_in_order(own_home: Path, database_url: str) -> None:
    settings = settings_of(own_home, database_url=database_url)
    async with receiving() as receiver, open_stores(settings) as stores:
        poster = CallbackPoster(stores, settings)
        claim = await open_run(stores, receiver.url)
        question = ApprovalRequest("Publish?", {"pages": [1]}, None, ("ann",), 1)
        await stores.waits.for_execution(claim).open(StepKey("ask", "0" * 64, 0), question)
        await stores.executions.suspend(claim, GoalStatus.WAITING, "run.waiting", {})
        assert await poster.post_due() == 1
        assert await poster.post_due() == 0
        await end(stores, failure=FAILURE)
        assert await poster.post_due() == 1
        # Retried, it ends again, and that is another event.
        await stores.database.write(lambda writing: reopen(writing, "run"))
        await end(stores)
        assert await poster.post_due() == 1
    types = [event["type"] for event in receiver.events]
    assert types == ["perdure.approval.requested", "perdure.run.failed", "perdure.run.completed"]
    assert receiver.events[0]["data"]["question"] == "Publish?"
    assert receiver.events[1]["data"]["message"] == "it broke"
    assert len({event["id"] for event in receiver.events}) == 3


async def test_what_fails_is_posted_again_under_the_same_id(
    own_home: Path, database_url: str
) -> None:
    settings = settings_of(own_home, database_url=database_url)
    async with receiving() as receiver, open_stores(settings) as stores:
        poster = CallbackPoster(stores, settings)
        await open_run(stores, receiver.url)
        await end(stores)
        target = "302 Found\r\nLocation: http://127.0.0.1:1/"
        receiver.answers = ["500 No", target]
        for attempts in (1, 2):
            assert await poster.post_due() == 1
            assert await poster.post_due() == 0  # not before its pause is over
            assert await make_due(stores) == attempts
        assert await poster.post_due() == 1
        assert len({event["id"] for event in receiver.events}) == 1
        assert len(receiver.posts) == 3  # the redirect was not followed
        assert await make_due(stores) == 0
        assert await poster.post_due() == 0


async def test_who_is_gone_and_who_never_answers_is_given_up(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(own_home)
    async with receiving() as receiver, open_stores(settings) as stores:
        poster = CallbackPoster(stores, settings)
        await open_run(stores, receiver.url)
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        await open_run(stores, f"http://127.0.0.1:{port}/hunter2?token=hunter2", "other")
        await end(stores)
        await end(stores, "other")
        receiver.answers = ["410 Gone"]
        monkeypatch.setattr("perdure.temporal.worker.callbacks._KEPT", timedelta(seconds=-1))
        with capture_logs() as logs:
            assert await poster.post_due() == 2
        assert {line["workflow_id"] for line in logs} == {"run", "other"}
        assert "hunter2" not in str(logs)
        await make_due(stores)  # of one row: that of who is gone is not there any more
        assert await poster.post_due() == 0
    assert len(receiver.posts) == 1


PRIVATE = (
    "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://2130706433:{port}/",
    "http://0x7f000001:{port}/", "http://0177.0.0.1:{port}/", "http://127.1:{port}/",
    "http://[::1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://[::ffff:7f00:1]:{port}/",
    "http://0.0.0.0:{port}/", "http://169.254.169.254/latest", "http://2852039166/",
    "http://0xa9fea9fe/", "http://[::ffff:169.254.169.254]/", "http://[fd00:ec2::254]/",
    "http://10.0.0.1/", "http://[64:ff9b::a00:1]/",
)  # fmt: skip


@pytest.mark.parametrize("form", PRIVATE)
async def test_no_private_address_is_posted_to(form: str, own_home: Path) -> None:
    settings = settings_of(own_home, callback_allow="10.99.0.0/16")
    async with receiving() as receiver, open_stores(settings) as stores:
        url = form.format(port=receiver.url.split(":")[2].split("/")[0])
        with pytest.raises(CallbackRefused, match=r"PERDURE_CALLBACK_ALLOW|is no URL"):
            await CallbackUrls(settings).check(url)
        # One that was public when the goal was handed in may lead elsewhere by now.
        await open_run(stores, url)
        await end(stores)
        assert await CallbackPoster(stores, settings).post_due() == 1
        assert await make_due(stores) == 1
    assert receiver.posts == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "no url",
        "http://",
        "http://a:b@example.com/",
        "http://example.com:25/",
    ],
)
async def test_what_is_no_url_is_refused(url: str, own_home: Path) -> None:
    with pytest.raises(CallbackRefused, match=r"give|leave out"):
        await CallbackUrls(settings_of(own_home)).check(url)


async def test_without_a_secret_there_are_no_callbacks(own_home: Path) -> None:
    with pytest.raises(CallbackRefused, match="set PERDURE_CALLBACK_SECRET"):
        await CallbackUrls(settings_of(own_home, callback_secret="")).check("http://127.0.0.1/")
    with pytest.raises(ValidationError, match="at least 24 characters"):
        settings_of(own_home, callback_secret="short")
