"""The process that serves the weak model: it comes up, answers, and never outlives the evals."""

import sys
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from evals.models import weak_model
from evals.models.weak_model_server import LONGEST_REPLY, adapted

SERVER = """
import http.server, os, sys, threading

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"[]")

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
server.serve_forever()
"""


@pytest.fixture
def served_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A server of our own in place of the one whose packages take minutes to build."""
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    monkeypatch.setattr(weak_model, "_SERVER", script)
    monkeypatch.setattr(weak_model, "environment_of", lambda group: Path(sys.executable))
    return script


def children_of(script: Path) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if str(script) in child.cmdline()
    ]


def test_the_model_is_served_for_as_long_as_the_evals_last(served_by: Path) -> None:
    with weak_model.weak_model() as variables:
        url = variables["OPENAI_BASE_URL"]
        assert httpx.get(f"{url}/models", trust_env=False).is_success
        assert len(children_of(served_by)) == 1
    assert not children_of(served_by)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/models", trust_env=False)


def test_the_server_ends_when_the_evals_fail(served_by: Path) -> None:
    with pytest.raises(ZeroDivisionError), weak_model.weak_model():
        raise ZeroDivisionError
    assert not children_of(served_by)


def test_a_server_that_does_not_come_up_is_named(served_by: Path) -> None:
    served_by.write_text("raise SystemExit(3)")
    with pytest.raises(RuntimeError, match="ended before it listened"), weak_model.weak_model():
        pass


@pytest.mark.parametrize(
    ("choice", "roles", "chosen"),
    [
        ("required", ["user", "assistant", "tool"], "query"),
        ("auto", ["user"], "query"),
        (None, ["user"], "query"),
        ("auto", ["user", "assistant", "tool"], None),
        ("none", ["user"], None),
    ],
)
def test_the_first_tool_is_chosen_for_a_model_that_would_call_none(
    choice: str | None, roles: list[str], chosen: str | None
) -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("query", "other")]
    messages: list[dict[str, Any]] = [{"role": role, "content": "x"} for role in roles]
    messages.append({"role": "user", "content": None, "tool_calls": [1]})
    given = adapted({"messages": messages, "tools": tools, "tool_choice": choice})
    named = given["tool_choice"]
    assert (None if named == "none" else named["function"]["name"]) == chosen
    assert given["messages"][-1]["content"] == "[1]"
    assert given["max_tokens"] == LONGEST_REPLY
