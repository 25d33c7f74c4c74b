"""Large values of steps: in object storage, referred to by the journal, never a wrong one."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from perdure.agents.steps.errors import PermanentError
from perdure.agents.steps.journal import StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.models import GoalStatus
from perdure.settings import Settings
from perdure.stores import Stores
from perdure.stores.database.fencing import Claim
from perdure.stores.journal.large_values import LARGE_BYTES
from perdure.stores.objects.cleaning import delete_unused_contents
from perdure.stores.objects.object_store import digest_of
from tests.stores.test_content_cleaning import NONE

KEY = StepKey("read", "d" * 64, 0)
LARGE = json.dumps("x" * LARGE_BYTES)


def file_of(settings: Settings, value: str) -> Path:
    digits = digest_of(value.encode())[0].removeprefix("sha256:")
    return settings.home / "artifacts" / "sha256" / digits[:2] / digits


async def row(stores: Stores) -> tuple[str, str | None, int | None]:
    query = text("SELECT value, content, content_size FROM steps")
    found = await stores.database.read(lambda connection: connection.execute(query).one())
    return found.value, found.content, found.content_size


@pytest.mark.parametrize(
    ("value", "is_large"),
    [
        (json.dumps("x" * (LARGE_BYTES - 2)), False),
        (json.dumps("x" * (LARGE_BYTES - 1)), True),
        # So many bytes, of fewer characters.
        (json.dumps("ü" * (LARGE_BYTES // 2), ensure_ascii=False), True),
        (json.dumps("ü" * (LARGE_BYTES // 2 - 1), ensure_ascii=False), False),
    ],
)
async def test_what_is_larger_than_256_kib_lies_in_object_storage(
    stores: Stores, settings: Settings, claim: Claim, value: str, is_large: bool
) -> None:
    journal = stores.context.journal(claim)
    await journal.record(KEY, StepOutcome(value))

    digest, size = digest_of(value.encode())
    assert await row(stores) == (("", digest, size) if is_large else (value, None, None))
    assert file_of(settings, value).exists() == is_large
    again = stores.context.journal(claim)
    assert (await again.load())[KEY].value is None
    assert await again.value(KEY) == value


async def test_a_value_that_is_missing_or_altered_is_an_error(
    stores: Stores, settings: Settings, claim: Claim
) -> None:
    journal = stores.context.journal(claim)
    await journal.record(KEY, StepOutcome(LARGE))
    file = file_of(settings, LARGE)
    file.write_text(LARGE.replace("x", "y", 1), encoding="utf-8")
    with pytest.raises(PermanentError, match=r"value of step 'read' .*another content.* retry"):
        await journal.value(KEY)
    file.unlink()
    with pytest.raises(PermanentError, match="value of step 'read' cannot be read: no artifact"):
        await journal.value(KEY)
    file.write_text(LARGE, encoding="utf-8")
    assert await journal.value(KEY) == LARGE


async def test_a_value_goes_with_its_run(
    stores: Stores,
    settings: Settings,
    claim: Claim,
    create_run: Callable[..., Awaitable[None]],
    start_execution: Callable[..., Awaitable[Claim]],
) -> None:
    await create_run("other")
    other = await start_execution("other")
    for each in (claim, other):
        await stores.context.journal(each).record(KEY, StepOutcome(LARGE))
    for run, deleted in ((claim.workflow_id, 0), ("other", 1)):
        assert await delete_unused_contents(stores.contents, NONE) == 0
        await stores.results.store(run, GoalStatus.COMPLETED, None, 1.0)
        await stores.deletion.delete(run)
        assert await delete_unused_contents(stores.contents, NONE) == deleted
    assert not file_of(settings, LARGE).exists()


async def test_a_step_that_is_recorded_twice_keeps_its_first_value(
    stores: Stores, claim: Claim
) -> None:
    journal = stores.context.journal(claim)
    await journal.record(KEY, StepOutcome(LARGE))
    # Recorded a second time, by an execution that did not know: the first value stays.
    await journal.record(KEY, StepOutcome(json.dumps("y" * LARGE_BYTES)))
    assert await journal.value(KEY) == LARGE


async def test_values_of_old_journals_stay_where_they_are(stores: Stores, claim: Claim) -> None:
    """Before there was object storage, large values were in the database too."""
    journal = stores.context.journal(claim)
    await journal.record(KEY, StepOutcome(LARGE))
    change = text("UPDATE steps SET value = :value, content = NULL, content_size = NULL")
    await stores.database.write(
        lambda transaction: transaction.connection.execute(change, {"value": LARGE})
    )
    assert (await journal.load())[KEY].value is None
    assert await journal.value(KEY) == LARGE
