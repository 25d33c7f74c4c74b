"""A budget that ends midway: what is left is done by rules, says so, and nothing is paid twice."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from perdure.agents import Budget
from perdure.testing import (
    ChatRequest,
    MemoryJournal,
    ModelServer,
    Rehearsal,
    Reply,
    ToolCall,
    calls,
    rehearse,
    says,
)

NAMES = ("Rita Moreno", "Sam Okafor", "Ann Weiss")


@pytest.fixture
def leases(tmp_path: Path) -> list[str]:
    files = []
    for name in NAMES:
        file = tmp_path / f"{name.split()[0]}.md"
        file.write_text(
            f"# Lease\n\nThis agreement is made with {name}, the landlord. The house has a pump in"
            " the yard.\n\nMonthly rent: EUR 900.00.\n"
        )
        files.append(str(file))
    return files


@pytest.fixture(autouse=True)
def a_model_with_a_price(model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_MODEL", "openai-chat:gpt-4o-mini")


def landlord_in(request: ChatRequest) -> str:
    prompt = str(request.messages[-1]["content"])
    return next(name for name in NAMES if name in prompt)


def proposes(request: ChatRequest) -> Reply:
    name = landlord_in(request)
    value: JsonValue = {"field": "landlord", "value": name, "quote": f"{name}, the landlord"}
    return calls(ToolCall("propose_values", {"values": [value]}))


def summarises(request: ChatRequest) -> Reply:
    quote = f"This agreement is made with {landlord_in(request)}, the landlord"
    sentence: JsonValue = {"sentence": f"{quote}.", "quotes": [quote]}
    return calls(ToolCall("summarise", {"sentences": [sentence]}))


async def rehearsed(
    paths: list[str], action: str, budget: Budget | None, journal: MemoryJournal | None = None
) -> Rehearsal:
    parameters: dict[str, Any] = {"action": action, "paths": paths}
    if action == "fields":
        kinds = {"landlord": {"type": "string"}, "monthly_rent": {"type": "number"}}
        parameters["json_schema"] = {"type": "object", "properties": kinds}
    return await rehearse("document", "Read the leases", parameters, budget=budget, journal=journal)


@pytest.mark.parametrize("limit", ["tokens", "cost"])
@pytest.mark.parametrize(("action", "script"), [("fields", proposes), ("extract", summarises)])
async def test_what_the_budget_does_not_reach_is_done_by_rules(
    model_server: ModelServer,
    leases: list[str],
    action: str,
    script: Callable[[ChatRequest], Reply],
    limit: str,
) -> None:
    model_server.answers(script)
    whole = await rehearsed(leases, action, None)
    sent = sum(request.input_tokens for request in model_server.requests)
    received = model_server.billed - sent
    dollars = (sent * 0.15 + received * 0.6) / 1_000_000  # as gpt-4o-mini costs
    # Of what three files need so much is enough for one, and not for all.
    enough = {"tokens": Budget(tokens=(sent + received) // 2), "cost": Budget(cost=0.6 * dollars)}
    model_server.answers(script)
    rehearsal = await rehearsed(leases, action, enough[limit])
    asked = len(model_server.requests)
    assert 0 < asked < len(leases)
    assert rehearsal.result.metadata["way"] == "both"
    assert "budget" in str(rehearsal.result.metadata["way_reason"])
    # A later execution finds what was paid for, and asks for nothing more.
    again = await rehearsed(leases, action, enough[limit], rehearsal.journal)
    assert len(model_server.requests) == asked
    assert (again.result.data, again.files) == (rehearsal.result.data, rehearsal.files)
    # What was left to the rules is what they say without any model.
    model_server.answers([says("lorem ipsum")] * 99)
    with_model, by_rules, mixed = (
        json.loads(json.dumps(one.result.data))["files"]
        for one in (whole, await rehearsed(leases, action, None), rehearsal)
    )
    assert mixed in ([*with_model[:1], *by_rules[1:]], [*with_model[:2], *by_rules[2:]])
    assert all(one != other for one, other in zip(with_model, by_rules, strict=True))


async def test_an_answer_that_the_budget_cuts_short_is_none(
    model_server: ModelServer, leases: list[str]
) -> None:
    model_server.answers([says("x" * 40_000)] * 9)
    rehearsal = await rehearsed(leases[:1], "extract", Budget(tokens=1_000))
    assert len(model_server.requests) == 1
    assert rehearsal.result.metadata["way"] == "rules"
    assert "cut off" in str(rehearsal.result.metadata["way_reason"])
    assert model_server.billed <= 1_000 + model_server.requests[0].input_tokens
    again = await rehearsed(leases[:1], "extract", Budget(tokens=1_000), rehearsal.journal)
    assert len(model_server.requests) == 1
    assert again.result.data == rehearsal.result.data
