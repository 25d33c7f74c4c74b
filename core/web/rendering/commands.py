"""A goal as the commands that start the same one: for a shell, and over HTTP."""

import json
import shlex
from collections.abc import Mapping
from typing import TypeGuard

from pydantic import JsonValue


def curl_command(server: str, content: Mapping[str, JsonValue], *, with_key: bool = False) -> str:
    """Return the call of ``curl`` that starts a goal.

    Args:
        server: The API's address, such as ``http://127.0.0.1:8000``.
        content: The body of ``POST /api/execute-goal``.
        with_key: Whether the server asks for a key; the reader's own is not known here.
    """
    body = json.dumps(content, ensure_ascii=False, indent=2)
    key = ('-H "Authorization: Bearer $PERDURE_KEY"',) if with_key else ()
    return " \\\n  ".join(
        (
            f"curl {shlex.quote(f'{server}/api/execute-goal')}",
            *key,
            "-H 'Content-Type: application/json'",
            f"-d {shlex.quote(body)}",
        )
    )


def run_command(content: Mapping[str, JsonValue]) -> str:
    """Return the call of ``perdure run`` that starts a goal and follows it."""
    agent, description = str(content["agent_type"]), str(content["description"]) or "…"
    parts = [f"perdure run {shlex.quote(agent)} {shlex.quote(description)}"]
    parameters = content.get("parameters")
    for name, value in parameters.items() if isinstance(parameters, dict) else ():
        items = value if _is_text_list(value) else [value]
        for item in items:
            text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
            parts.append(f"--param {shlex.quote(f'{name}={text}')}")
    budget = content.get("budget")
    for name, amount in budget.items() if isinstance(budget, dict) else ():
        parts.append(f"--budget {shlex.quote(f'{name}={amount}')}")
    return " \\\n  ".join(parts)


def _is_text_list(value: JsonValue) -> TypeGuard[list[JsonValue]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
