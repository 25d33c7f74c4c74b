"""Which Temporal namespace the stores belong to."""

import asyncio
from dataclasses import replace

import pytest

from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.database.installation import Namespace, OtherNamespace

FIRST = Namespace("default", "id-1", "/srv/perdure")


async def test_the_first_namespace_has_them_for_good(settings: Settings) -> None:
    async with open_stores(settings) as stores:
        assert await stores.installation.claim(FIRST) is None
    async with open_stores(settings) as stores:
        assert await stores.installation.claim(FIRST) is None
        for other in (
            Namespace("other", "id-2", "/srv/perdure"),
            Namespace("default", "id-2", "temporal:7233"),
        ):
            with pytest.raises(OtherNamespace) as refused:
                await stores.installation.claim(other)
            message = str(refused.value)
            assert str(FIRST) in message
            assert str(other) in message
            assert "PERDURE_ADOPT_NAMESPACE=id-2" in message
        assert await stores.installation.claim(FIRST) is None


async def test_one_in_the_same_place_replaces_it(stores: Stores) -> None:
    """Whoever has deleted the server's state is not locked out."""
    await stores.installation.claim(FIRST)
    again = replace(FIRST, id="id-2")
    assert await stores.installation.claim(again) == FIRST
    assert await stores.installation.claim(again) is None


async def test_another_can_adopt_them(stores: Stores) -> None:
    await stores.installation.claim(FIRST)
    other = Namespace("default", "id-2", "temporal:7233")
    assert await stores.installation.claim(other, adopt=True) == FIRST
    assert await stores.installation.claim(other) is None
    with pytest.raises(OtherNamespace):
        await stores.installation.claim(FIRST)


async def test_a_namespace_whose_server_has_moved_is_the_same(stores: Stores) -> None:
    await stores.installation.claim(FIRST)
    moved = replace(FIRST, server="temporal:7233")
    assert await stores.installation.claim(moved) is None
    assert await stores.installation.claim(replace(moved, id="id-2")) == moved


async def test_of_two_at_once_one_has_them(stores: Stores) -> None:
    claims = [
        stores.installation.claim(Namespace("default", f"id-{n % 2}", f"server-{n % 2}"))
        for n in range(10)
    ]
    outcomes = await asyncio.gather(*claims, return_exceptions=True)
    assert outcomes.count(None) == 5
    assert sum(isinstance(outcome, OtherNamespace) for outcome in outcomes) == 5
