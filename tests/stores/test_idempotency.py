"""Idempotency keys: one key, one goal."""

import asyncio

import pytest

from perdure.models import Goal
from perdure.stores import Stores
from perdure.stores.database.errors import InputRefused, KeyConflict
from perdure.stores.runs.idempotency import digest_of

GOAL = Goal(goal_id="g", description="d", agent_type="a", parameters={"x": 1, "y": [1, "é"]})


async def test_the_first_run_keeps_the_key(stores: Stores) -> None:
    digest = digest_of(GOAL)
    assert await stores.idempotency_keys.claim("key", digest, "run1") == "run1"
    assert await stores.idempotency_keys.claim("key", digest, "run2") == "run1"
    assert await stores.idempotency_keys.claim("other", digest, "run3") == "run3"


async def test_another_goal_under_the_same_key_is_refused(stores: Stores) -> None:
    await stores.idempotency_keys.claim("key", digest_of(GOAL), "run1")
    other = GOAL.model_copy(update={"description": "another"})
    with pytest.raises(KeyConflict, match=r"'key'.*run1"):
        await stores.idempotency_keys.claim("key", digest_of(other), "run2")


async def test_twenty_at_once_get_one_run(stores: Stores) -> None:
    digest = digest_of(GOAL)
    claims = (stores.idempotency_keys.claim("key", digest, f"run{number}") for number in range(20))
    assert len(set(await asyncio.gather(*claims))) == 1


def test_how_a_goal_is_written_down_does_not_matter() -> None:
    again = GOAL.model_copy(update={"parameters": {"y": [1, "é"], "x": 1}})
    assert digest_of(again) == digest_of(GOAL)
    assert digest_of(Goal(goal_id="g", description="d", agent_type="a")) != digest_of(GOAL)


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256, "a\n"])
async def test_what_is_no_key_is_refused(stores: Stores, key: str) -> None:
    with pytest.raises(InputRefused, match="idempotency key"):
        await stores.idempotency_keys.claim(key, digest_of(GOAL), "run")
