"""A planted key, grepped for in everything that a goal leaves behind."""

import logging
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import Agent as PydanticAgent
from pydantic_ai.models import Model

from perdure.agents import AgentSpec, Goal, PermanentError, Result, Run, StepFailed
from perdure.agents.steps.memory import MemoryEmitter
from perdure.cli.model_checks.checking import check_model
from perdure.models import GoalStatus
from perdure.redaction import (
    REDACTED,
    data_without_secrets,
    message_without_secrets,
    without_secrets,
)
from perdure.testing import ChatRequest, ModelServer, Reply, ToolCall, calls, refuses, says

Install = Callable[..., Awaitable[Any]]

pytestmark = pytest.mark.asyncio(loop_scope="session")

MODEL = "openai-chat:planted"
KEY = "sk-planted-0123456789abcdefghijklmnop"
PASSWORD = "planted-correct-horse"
ADDRESS = f"postgresql://perdure:{PASSWORD}@db.example/perdure"


@pytest.fixture
def planted(model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> ModelServer:
    """Return a model's server whose key, and the stores' password, are to be found nowhere."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("PERDURE_OTHER_URL", ADDRESS)
    # Of a name of its own: a process keeps a model that it has made, with the key that it had.
    monkeypatch.setenv("PERDURE_MODEL", MODEL)
    return model_server


def repeats_the_key(asked: ChatRequest) -> Reply:
    """Refuse a key as some providers do, which repeat it."""
    return refuses(401, code=f"Incorrect key provided: {asked.headers['authorization']}")


def traces(text: str | bytes) -> list[str]:
    content = text if isinstance(text, bytes) else text.encode()
    return [secret for secret in (KEY, PASSWORD) if secret.encode() in content]


def files_with_traces(folder: Path) -> Iterator[tuple[str, list[str]]]:
    for file in folder.rglob("*"):
        if file.is_file() and (found := traces(file.read_bytes())):
            yield str(file.relative_to(folder)), found


async def ask(model: Model) -> str:
    agent = PydanticAgent()

    @agent.tool_plain
    def look_around() -> str:
        return f"a key {KEY}, an address {ADDRESS}"

    return (await agent.run("Look", model=model)).output


async def fails(run: Run, goal: Goal) -> Result:
    await run.progress(5, f"asking with {KEY}")
    return Result(summary=await ask(run.model))


async def falls_back(run: Run, goal: Goal) -> Result:
    async def rules() -> str:
        return f"by rules, with {KEY}"

    answer = await run.try_model("answer", ask, rules)
    await run.text(f"said {answer.value}")
    data = {"nested": [{"at": ADDRESS}], "key": KEY}
    return Result(summary=answer.value, data=data, metadata={"from": answer.reason})


async def runs_a_program(run: Run, goal: Goal) -> Result:
    program = [sys.executable, "-c", "import os; print(dict(os.environ))"]
    printed = await run.command(program)
    try:
        await run.step("connect", connect)
    except StepFailed as error:
        return Result(summary=f"{error}", data={"printed": len(printed.stdout)})
    raise AssertionError("it cannot connect")


def connect() -> None:
    elsewhere = ADDRESS.replace("db.", "another-db.")
    raise PermanentError(f"could not connect to {elsewhere} with {KEY}")


@pytest.mark.parametrize("agent", [fails, falls_back, runs_a_program])
async def test_a_key_is_in_nothing_that_a_goal_leaves(
    install: Install,
    planted: ModelServer,
    own_home: Path,
    capfd: pytest.CaptureFixture[str],
    log_to_stderr: Callable[..., None],
    agent: Any,
) -> None:
    log_to_stderr(logging.DEBUG)
    planted.answers(repeats_the_key)
    spec = AgentSpec(name="secretive", description="", agent=agent)
    here = await install(spec)
    workflow_id = await here.start("secretive")
    _, record = await here.finish(workflow_id)
    assert record.status is (GoalStatus.FAILED if agent is fails else GoalStatus.COMPLETED)
    if agent is not runs_a_program:
        assert REDACTED in record.model_dump_json()
        assert planted.requests
    assert traces(record.model_dump_json()) == []
    for event in await here.stored_events(workflow_id):
        assert traces(event.model_dump_json()) == []
    assert traces((await here.handle(workflow_id).fetch_history()).to_json()) == []
    assert list(files_with_traces(own_home)) == []
    logged = capfd.readouterr()
    assert "secretive" in logged.err
    assert traces(logged.err + logged.out) == []


async def test_what_tools_return_and_commands_say_is_redacted(
    planted: ModelServer,
) -> None:
    planted.answers([calls(ToolCall("look_around", {})), says(f"I saw {KEY}.")])
    emitter = MemoryEmitter()
    goal = Goal(goal_id="g", description="look", agent_type="looks")
    run = Run(goal, emitter=emitter, model=MODEL)
    assert KEY in await ask(run.model)
    (returned,) = [data for type_, data in emitter.events if type_ == "tool.returned"]
    assert str(returned["result"]).count(REDACTED) == 2
    assert traces(str(emitter.events)) == []


async def test_doctor_repeats_no_key(planted: ModelServer) -> None:
    planted.answers(repeats_the_key)
    (word,) = await check_model("")
    assert "refuses the key" in word.advice
    assert traces(word.model_dump_json()) == []


async def test_a_program_gets_no_key_of_the_worker(
    planted: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_DATABASE_URL", ADDRESS)
    monkeypatch.setenv("DJANGO_SECRET_KEY", "of-the-tested-project")
    program = [sys.executable, "-c", "import os, json; print(json.dumps(dict(os.environ)))"]
    goal = Goal(goal_id="g", description="run", agent_type="runs")
    printed = await Run(goal).command(program)
    assert "OPENAI_API_KEY" not in str(printed.stdout)
    assert "PERDURE_DATABASE_URL" not in str(printed.stdout)
    assert "of-the-tested-project" in str(printed.stdout)
    given = await Run(goal).command(program, env={"OPENAI_API_KEY": "given"})
    assert "given" in str(given.stdout)


@pytest.mark.parametrize(
    ("name", "value", "text", "redacted"),
    [
        ("OPENAI_API_KEY", "sk-0123456789", "key sk-0123456789!", "key [secret]!"),
        ("MY_TOKEN", "abcdefghijkl", "abcdefghijklm", "[secret]m"),
        ("DB_PASSWORD", "open sesame now", "open sesame now", "[secret]"),
        ("OPENAI_API_KEY", "scripted", "the scripted model", "the scripted model"),
        (
            "SSH_KEY",
            "/home/ann/.ssh/id_rsa",
            "no /home/ann/.ssh/id_rsa",
            "no /home/ann/.ssh/id_rsa",
        ),
        ("MONKEY", "bananas-for-all", "bananas-for-all", "bananas-for-all"),
        ("TOKENIZERS_PARALLELISM", "false-and-more", "false-and-more", "false-and-more"),
        ("DB_URL", "x://a:pw@h", "it is x://a:pw@h, pw", "it is x://a:[secret]@h, pw"),
        ("DB_URL", "x://a:correct-horse@h", "correct-horse", "[secret]"),
        ("X", "y", "read ftp://anonymous:guest@host", "read ftp://anonymous:guest@host"),
    ],
    # pytest puts the id of a test into the environment, where a secret is looked for.
    ids=range(10),
)
async def test_what_counts_as_a_secret(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, text: str, redacted: str
) -> None:
    monkeypatch.setenv(name, value)
    assert without_secrets(text) == redacted
    assert data_without_secrets({"a": [{"b": text}, 1, None]}) == {"a": [{"b": redacted}, 1, None]}


@pytest.mark.parametrize(
    ("message", "redacted"),
    [
        ("redis://:pw@host/0 is away", "redis://:[secret]@host/0 is away"),
        ("https://ann:pw@h/a?b=c@d", "https://ann:[secret]@h/a?b=c@d"),
        ("see https://docs.example/a:b and a@b.c", None),
        ("http://[::1]:8080/@x", None),
    ],
)
async def test_the_message_of_an_error_holds_no_password(
    message: str, redacted: str | None
) -> None:
    assert message_without_secrets(message) == (redacted or message)
