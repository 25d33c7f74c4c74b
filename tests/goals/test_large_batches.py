"""Batches of many rows: what is broken far down is named, costs nothing, and memory stays flat."""

import os
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from perdure.models.batches import BatchSettings, BatchStatus, ItemStatus
from perdure.stores.batches.batch_store import CHUNK
from perdure.temporal.batches.sources import csv_rows, json_lines, lines_of
from tests.goals.test_batches import Batches, batches

__all__ = ["batches"]

pytestmark = pytest.mark.asyncio(loop_scope="session")

# 500,000 by hand.
ROWS: Final = int(os.environ.get("PERDURE_TEST_ROWS", "6000"))
_FEW: Final = 2 * CHUNK
_MIB: Final = 1024 * 1024


def rows(count: int, broken: int) -> Iterator[bytes]:
    """Yield lines of which one is broken."""
    for number in range(1, count + 1):
        text = "{broken" if number == broken else f'{{"key": "k{number}", "description": "x"}}'
        yield text.encode() + b"\n"


async def handed_in(batches: Batches, name: str, count: int, broken: int) -> tuple[str, int]:
    """Hand a batch in; return its id, and the most memory that it took."""
    chosen = BatchSettings(agent_type="work", description="Work")
    tracemalloc.start()
    try:
        given = json_lines(rows(count, broken))
        answer = await batches.service.hand_in(name, chosen, given)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (answer.items.added, answer.items.invalid) == (count, 1)
    # Nothing is done of these: who feeds it would begin.
    await batches.service.cancel(answer.batch.batch_id)
    return answer.batch.batch_id, most


async def test_a_row_far_down_is_named_and_memory_does_not_grow(batches: Batches) -> None:
    await handed_in(batches, "first", CHUNK, CHUNK)  # what is loaded once is loaded here
    _, few = await handed_in(batches, "few", _FEW, _FEW)
    batch_id, many = await handed_in(batches, "many", ROWS, ROWS)
    assert many < few + 2 * _MIB
    stores = batches.here.stores
    (wrong,) = await stores.batches.items(batch_id, status=ItemStatus.INVALID)
    assert (wrong.number, wrong.key) == (ROWS, f"row-{ROWS}")
    assert wrong.error is not None
    assert wrong.error.message == f"row {ROWS} is not JSON: write one object a line"
    assert (wrong.workflow_id, wrong.attempts, wrong.cost) == (None, 0, 0.0)
    record = await stores.batches.get(batch_id)
    assert (record.counts.waiting, record.counts.invalid, record.cost) == (ROWS - 1, 1, 0.0)
    assert record.status is BatchStatus.CANCELLING
    assert not batches.working.done


async def test_keys_that_come_again_far_down_are_one_item(batches: Batches) -> None:
    chosen = BatchSettings(agent_type="work", description="Work")
    once = [b'{"key": "a", "description": "x"}\n']
    lines = [*once, *rows(CHUNK + 10, 0), *once, b'{"key": "k1", "description": "y"}\n']
    answer = await batches.service.hand_in("b", chosen, json_lines(lines))
    assert (answer.items.added, answer.items.duplicates) == (CHUNK + 11, 1)
    assert answer.items.conflicts == ("k1",)
    await batches.service.cancel(answer.batch.batch_id)


async def test_a_quotation_mark_that_is_not_closed_names_the_rows_that_it_takes_in() -> None:
    lines = [b"number,text\n", b'1,"never closed\n', *(b"2,some words\n" for _ in range(20_000))]
    wrong, *others = csv_rows(lines)
    assert re.fullmatch(r"row 2 to \d+ cannot be read \(.*\): correct it", wrong.problem)
    last = int(wrong.problem.split()[3])
    # What is held in memory for it has a limit, and the rows below are read as they are.
    assert last < 12_000
    assert len(others) == len(lines) - last
    assert not any(other.problem for other in others)


async def test_a_line_without_an_end_is_one_broken_row(tmp_path: Path) -> None:
    place = tmp_path / "rows.jsonl"
    place.write_bytes(b'{"key": "a"}\n' + b"x" * 5 * _MIB + b'\n{"key": "b"}\n')
    with place.open("rb") as file:
        first, long, last = json_lines(lines_of(file))
    assert (first.key, last.key) == ("a", "b")
    assert long.problem == "row 2 is longer than a megabyte: put the data into a file"
