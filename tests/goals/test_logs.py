"""Logs where stderr is no terminal: JSON, with the goal that they are about, without secrets."""

import json
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.cli.runtime.logs import report
from perdure.redaction import REDACTED, log_fields_without_secrets, log_text_without_secrets
from perdure.settings import Settings

Install = Callable[..., Awaitable[Any]]

SIGNED = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.dGhpcyBpcyBub3Qgb25l"


def lines_of(text: str) -> list[dict[str, Any]]:
    """Return the lines of a log, each of which has to be a JSON object."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.asyncio(loop_scope="session")
async def test_every_line_says_for_which_goal_it_is(
    install: Install, capfd: pytest.CaptureFixture[str], log_to_stderr: Callable[..., None]
) -> None:
    log_to_stderr(logging.INFO)
    here = await install(AgentSpec(name="talks", description="", agent=talks))
    workflow_id = await here.start("talks")
    await here.finish(workflow_id)
    lines = {line["event"]: line for line in lines_of(capfd.readouterr().err)}
    for event in ("agent started", "in the agent", "in a step", "by a library", "agent finished"):
        line = lines[event]
        assert line["workflow_id"] == workflow_id
        assert workflow_id.startswith(f"goal-{line['goal_id']}-")
        assert (line["agent"], line["attempt"]) == ("talks", 1)
    assert lines["in a step"]["logger"] == __name__
    assert lines["by a library"]["logger"] == "a.library"


async def talks(run: Run, goal: Goal) -> Result:
    structlog.get_logger().info("in the agent")
    await run.step("talk", talk)
    return Result(summary="")


def talk() -> None:
    # A plain function: it runs in a thread.
    structlog.get_logger().info("in a step")
    logging.getLogger("a.library").warning("by a %s", "library")


def test_levels_go_by_the_beginnings_of_names(
    capfd: pytest.CaptureFixture[str],
    log_to_stderr: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(
        "PERDURE_LOG_LEVELS", f"error, {__name__.rpartition('.')[0]}=debug, a.b=info"
    )
    log_to_stderr(logging.INFO, Settings().log_levels)
    try:
        structlog.get_logger().debug("of a module")
        logging.getLogger("a.b.c").info("of a library")
        logging.getLogger("a").info("not")
        logging.getLogger("a").warning("as always")
    finally:
        logging.getLogger("a.b").setLevel(logging.NOTSET)
    events = [line["event"] for line in lines_of(capfd.readouterr().err)]
    assert events == ["of a module", "of a library", "as always"]


def test_a_level_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_LOG_LEVELS", "perdure=loud")
    with pytest.raises(ValueError, match="'loud' is no level: give one of debug, info"):
        Settings()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abc123", f"Authorization: {REDACTED}"),
        ("{'x-api-key': 'abc', 'a': 1}", f"{{'x-api-key': '{REDACTED}', 'a': 1}}"),
        ("[(b'Cookie', b'a=b; c=d')]", f"[(b'Cookie', b'{REDACTED}')]"),
        ("sent Bearer a1b2c3d4e5", f"sent Bearer {REDACTED}"),
        ("GET https://h/?api_key=1234&page=2", f"GET https://h/?api_key={REDACTED}&page=2"),
        ("redis://user:pass@h/0 is away", f"redis://user:{REDACTED}@h/0 is away"),
        ('{"access_token": "abc", "expires_in": 5}', None),
        ("key sk-proj-0123456789abcdef refused", f"key {REDACTED} refused"),
        (f"token {SIGNED} has expired", f"token {REDACTED} has expired"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----", REDACTED),
        ("max_tokens=5, tokens: 7, an unexpected token: x", "same"),
        ("a basic understanding of the cookie, and of bearer notes", "same"),
    ],
)
def test_credentials_are_taken_out_of_texts(text: str, clean: str | None) -> None:
    if clean is None:
        clean = text.replace('"abc"', f'"{REDACTED}"')
    assert log_text_without_secrets(text) == (text if clean == "same" else clean)
    # Redacted again, as a line of a terminal is, it stays as it is.
    assert log_text_without_secrets(log_text_without_secrets(text)) == log_text_without_secrets(
        text
    )


def test_fields_that_hold_credentials_have_no_value() -> None:
    fields = {
        "event": "refused",
        "headers": {"Authorization": "Basic x", "Accept": "*/*"},
        "raw": [(b"set-cookie", b"s=1"), ("accept", "*/*")],
        "deep": [{"client": {"refresh_token": "r"}}],
        "tokens": 5,
        "password": "",
        "attempt": 2,
    }
    assert log_fields_without_secrets(fields) == {
        "event": "refused",
        "headers": {"Authorization": REDACTED, "Accept": "*/*"},
        "raw": [["set-cookie", REDACTED], ["accept", "*/*"]],
        "deep": [{"client": {"refresh_token": REDACTED}}],
        "tokens": 5,
        "password": "",
        "attempt": 2,
    }


def test_no_secret_passes_a_line_of_json(
    capfd: pytest.CaptureFixture[str],
    log_to_stderr: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As JSON writes it, its characters are others.
    secret = 'quo"ted\\and-ünïcode-0123456789'
    monkeypatch.setenv("SOME_API_KEY", secret)
    log_to_stderr(logging.INFO)
    log = structlog.get_logger()
    log.warning(f"with {secret}", where={"url": f"https://u:{'p' * 9}@h", "n": [secret]})
    try:
        raise ValueError(f"no {secret}")
    except ValueError:
        log.exception("failed", password=secret)
        logging.getLogger("a.library").exception("oh, %s", secret)
    written = capfd.readouterr().err
    assert len(lines_of(written)) == 3
    for part in (secret, json.dumps(secret)[1:-1], "ünïcode", "p" * 9):
        assert part not in written
    assert "Traceback" in lines_of(written)[1]["exception"]


def test_on_a_terminal_lines_are_for_people(
    capfd: pytest.CaptureFixture[str],
    log_to_stderr: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    log_to_stderr(logging.INFO)
    structlog.get_logger().info("ready", token="t1", n=3)
    report("waiting: no server answers")
    first, second = capfd.readouterr().err.splitlines()
    assert "ready" in first
    assert "t1" not in first
    assert not first.startswith("{")
    assert second == "waiting: no server answers"
