"""``run.notebook``: what an agent sees of it, in every execution."""

import pytest

from perdure.agents import Goal, NotebookConflict, PermanentError, Run
from perdure.agents.steps.memory import MemoryJournal, MemoryNotebook

GOAL = Goal(goal_id="g", description="Count", agent_type="tally")


def run_of(journal: MemoryJournal, notebook: MemoryNotebook) -> Run:
    return Run(GOAL, journal, notebook=notebook)


async def test_an_execution_that_comes_again_reads_what_it_read_before() -> None:
    journal, notebook = MemoryJournal(), MemoryNotebook()
    first = run_of(journal, notebook).notebook
    assert (await first.read("tally")).version == 0
    written = await first.write("tally", {"count": 1}, version=0)
    await run_of(MemoryJournal(), notebook).notebook.write("tally", {"count": 2}, version=1)

    again = run_of(journal, notebook).notebook
    assert (await again.read("tally")).version == 0
    assert await again.write("tally", {"count": 1}, version=0) == written
    assert (await again.read("tally")).value == {"count": 2}  # that is a reading of its own


async def test_who_comes_second_is_told_in_every_execution() -> None:
    journal, notebook = MemoryJournal(), MemoryNotebook()
    await run_of(MemoryJournal(), notebook).notebook.write("tally", 1, version=0)
    for _ in range(2):
        with pytest.raises(NotebookConflict, match="version 0 of 'tally' is not what"):
            await run_of(journal, notebook).notebook.write("tally", 7, version=0)
    assert notebook.entries["tally"].value == 1


async def test_an_update_is_tried_until_nobody_was_quicker() -> None:
    notebook = MemoryNotebook()
    other = run_of(MemoryJournal(), notebook).notebook
    await other.write("tally", 10, version=0)
    mine = run_of(MemoryJournal(), notebook).notebook
    seen: list[object] = []

    def add(value: object) -> object:
        seen.append(value)
        assert isinstance(value, int)
        return value + 1

    await mine.update("tally", add)
    await other.write("tally", 20, version=2)
    entry = await mine.update("tally", add)
    assert (entry.value, entry.version, seen) == (21, 4, [10, 20])


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("", 1, "has 0 characters"),
        ("k" * 201, 1, "has 201 characters"),
        ("k", "x" * 70_000, "a notebook takes 65,536"),
        ("k", object(), "has no JSON form"),
    ],
)
async def test_what_no_notebook_takes_is_refused(key: str, value: object, why: str) -> None:
    with pytest.raises(PermanentError, match=why):
        await run_of(MemoryJournal(), MemoryNotebook()).notebook.write(key, value, version=0)
