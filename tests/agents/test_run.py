"""A run: steps are journaled, answer later executions, and are identified by name and input."""

import asyncio
import threading
import uuid
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from perdure.agents import Goal, InputError, PermanentError, Run, StepFailed
from perdure.agents.steps.memory import MemoryArtifacts, MemoryJournal


class Page(BaseModel):
    url: str
    words: int


GOAL = Goal(goal_id="g", description="try it", agent_type="try-it")


def a_run(journal: MemoryJournal | None = None) -> Run:
    return Run(GOAL, journal=journal or MemoryJournal())


async def test_a_finished_step_answers_from_the_journal() -> None:
    journal, calls = MemoryJournal(), []

    def fetch(url: str) -> Page:
        calls.append(url)
        return Page(url=url, words=3)

    first = await a_run(journal).step("fetch", fetch, "a")
    second = await a_run(journal).step("fetch", fetch, "a")

    assert first == second == Page(url="a", words=3)
    assert calls == ["a"]


async def test_the_first_execution_gets_what_is_in_the_journal() -> None:
    journal = MemoryJournal()

    def pair() -> list[int]:
        return (2, 3)  # type: ignore[return-value]

    for _ in range(2):
        assert await a_run(journal).step("pair", pair) == [2, 3]


async def test_a_changed_input_or_version_is_another_step() -> None:
    journal = MemoryJournal()
    results = [
        await a_run(journal).step("add", lambda number: number + 1, 1),
        await a_run(journal).step("add", lambda number: number + 2, 1),
        await a_run(journal).step("add", lambda number: number + 2, 1, version=2),
        await a_run(journal).step("add", lambda number: number + 2, 5),
    ]
    assert results == [2, 2, 3, 7]


async def test_the_same_step_twice_in_an_execution_runs_twice() -> None:
    journal = MemoryJournal()
    numbers = iter(range(10))
    run, later = a_run(journal), a_run(journal)
    first = [await run.step("next", lambda: next(numbers)) for _ in range(3)]
    again = [await later.step("next", lambda: next(numbers)) for _ in range(3)]
    assert first == again == [0, 1, 2]


async def test_dropping_an_earlier_step_shifts_nothing() -> None:
    journal = MemoryJournal()
    run = a_run(journal)
    await run.step("read", lambda name: f"text of {name}", "a")
    await run.step("read", lambda name: f"text of {name}", "b")
    assert await a_run(journal).step("read", lambda name: "changed", "b") == "text of b"


@settings(deadline=None, max_examples=30)
@given(st.permutations(range(5)), st.permutations(range(5)), st.integers(0, 5))
def test_parallel_steps_pay_once_in_whatever_order_they_end(
    first: list[int], second: list[int], crash_after: int
) -> None:
    journal, paid = MemoryJournal(), []

    async def one_execution(order: list[int], stop_after: int) -> list[int]:
        gates = [asyncio.Event() for _ in order]

        async def work(number: int) -> int:
            await gates[number].wait()
            paid.append(number)
            return number * 10

        run = a_run(journal)
        steps = [asyncio.create_task(run.step("work", work, number)) for number in range(5)]
        await asyncio.sleep(0)
        for number in order[:stop_after]:
            gates[number].set()
            await steps[number]
        for step in steps:
            step.cancel()
        done = await asyncio.gather(*steps, return_exceptions=True)
        return [value for value in done if isinstance(value, int)]

    async def both() -> list[int]:
        await one_execution(first, crash_after)
        return await one_execution(second, 5)

    assert sorted(asyncio.run(both())) == [0, 10, 20, 30, 40]
    assert sorted(paid) == [0, 1, 2, 3, 4]


async def test_a_caught_failure_is_the_steps_answer_from_then_on() -> None:
    journal, outcomes = MemoryJournal(), iter([InputError("no such table"), None])

    def query() -> str:
        error = next(outcomes)
        if error is not None:
            raise error
        return "rows"

    for _ in range(2):
        with pytest.raises(StepFailed, match="no such table") as raised:
            await a_run(journal).step("query", query)
        assert raised.value.failure.type == "InputError"
        assert raised.value.failure.permanent


async def test_the_failure_that_ended_the_agent_is_withdrawn() -> None:
    journal, outcomes = MemoryJournal(), iter([OSError("away"), None])

    def query() -> str:
        error = next(outcomes)
        if error is not None:
            raise error
        return "rows"

    run = a_run(journal)
    try:
        try:
            await run.step("query", query)
        except StepFailed as failed:
            raise RuntimeError("cannot go on") from failed
    except RuntimeError as error:
        await run.withdraw_failures(ExceptionGroup("parallel", [error]))

    assert await a_run(journal).step("query", query) == "rows"


async def test_a_step_that_is_cancelled_is_not_journaled() -> None:
    journal = MemoryJournal()
    task = asyncio.create_task(a_run(journal).step("wait", asyncio.Event().wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert journal.steps == {}


async def test_plain_functions_run_beside_the_event_loop() -> None:
    loop = asyncio.get_running_loop()
    ticks = asyncio.Event()

    def blocking() -> bool:
        loop.call_soon_threadsafe(ticks.set)
        return True

    assert await a_run().step("block", blocking)
    await asyncio.wait_for(ticks.wait(), 5)


async def test_many_blocking_steps_wait_for_one_another() -> None:
    """Fifty plain functions meet: a pool smaller than that would hang."""
    meeting = threading.Barrier(50, timeout=20)
    run = a_run()
    await asyncio.gather(*(run.step(f"meet {number}", meeting.wait) for number in range(50)))


@pytest.mark.parametrize("error", [SystemExit(3), StopIteration("x"), KeyboardInterrupt()])
async def test_what_would_end_the_event_loop_is_a_failed_step(error: BaseException) -> None:
    def leave() -> None:
        raise error

    with pytest.raises(StepFailed, match=type(error).__name__):
        await a_run().step("leave", leave)


async def test_partials_of_coroutines_are_awaited() -> None:
    async def multiply(a: int, b: int) -> int:
        return a * b

    assert await a_run().step("multiply", partial(multiply, 6), 7) == 42


async def test_bytes_and_sets_keep_their_value() -> None:
    journal = MemoryJournal()

    def picture() -> bytes:
        return b"\x89PNG\xff"

    for _ in range(2):
        assert await a_run(journal).step("draw", picture) == b"\x89PNG\xff"
    first = await a_run(journal).step("join", len, {"b", "a", "c"})
    second = await a_run(journal).step("join", lambda names: 99, {"c", "b", "a"})
    assert first == second == 3


async def test_what_has_no_json_form_is_refused_with_a_sentence() -> None:
    with pytest.raises(PermanentError, match=r"input of step 'read'.*functools.partial"):
        await a_run().step("read", lambda stream: stream, object())
    with pytest.raises(StepFailed, match=r"value of step 'open'.*plain data"):
        await a_run().step("open", object)


async def test_clock_random_number_and_uuid_are_the_same_in_every_execution() -> None:
    journal = MemoryJournal()

    async def ask(run: Run) -> tuple[datetime, float, uuid.UUID, uuid.UUID]:
        return await run.now(), await run.random(), await run.uuid(), await run.uuid()

    first, second = await ask(a_run(journal)), await ask(a_run(journal))
    assert first == second
    assert first[0].tzinfo is not None
    assert first[2] != first[3]


async def test_names_too_long_for_the_stores_are_refused_before_anything_is_done() -> None:
    calls: list[int] = []
    with pytest.raises(PermanentError, match="200"):
        await a_run().step("x" * 201, calls.append, 1)
    with pytest.raises(PermanentError, match="500"):
        await a_run().artifact("x" * 501, b"")
    assert calls == []


@pytest.mark.parametrize("name", ["/etc/passwd", "../up.txt", "a/../../b", ""])
async def test_an_artifact_stays_in_its_folder(name: str) -> None:
    with pytest.raises(PermanentError, match="relative path"):
        await a_run().artifact(name, b"x")


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("a", "a/b", "artifact name 'a' would be a file and, of 'a/b', the folder"),
        ("a/b", "a", "artifact name 'a' would be a file and, of 'a/b', the folder"),
        ("a/b/c/d", "a/b", "artifact name 'a/b' would be a file and, of 'a/b/c/d', the folder"),
        ("A", "a/b", "artifact name 'A' would be a file and, of 'a/b', the folder"),
        ("Report.md", "report.md", "artifact names 'Report.md' and 'report.md' are one file"),
        ("Charts/a", "charts/A", "artifact names 'Charts/a' and 'charts/A' are one file"),
        ("Zürich", "Zu\u0308rich", "are one file"),
        ("x", "result.json", "artifact name 'result.json' is taken"),
        ("x", "./Result.JSON", "artifact name 'Result.JSON' is taken"),
        ("x", "result.json/a", "artifact name 'result.json/a' is taken"),
    ],
)
async def test_artifacts_are_files_of_their_own_everywhere(
    first: str, second: str, message: str
) -> None:
    artifacts = MemoryArtifacts()
    run = Run(GOAL, artifacts=artifacts)
    await run.artifact(first, b"1")
    with pytest.raises(PermanentError, match=message):
        await run.artifact(second, b"2")
    assert list(artifacts.files.values()) == [b"1"]
    # What goes on is not disturbed by what was refused.
    await run.artifact(first, b"3")
    await run.artifact("other/result.json", b"4")

    # In a later execution, which finds what the stores have, it is the same.
    later = Run(GOAL, artifacts=artifacts)
    later.artifacts.update(run.artifacts)
    with pytest.raises(PermanentError, match=message):
        await later.artifact(second, b"2")
    assert set(later.artifacts) == set(run.artifacts)


async def test_artifacts_that_are_not_one_file_are_made() -> None:
    run = Run(GOAL)
    names = ["a", "ab", "b/a", "b/c", "B/d", "a.b/c", "c/result.json", "results.json"]
    for name in (*names, *names, "./a", "b//a"):
        await run.artifact(name, b"")
    assert list(run.artifacts) == names


async def test_the_files_of_a_run_and_of_its_delegates_are_read_again() -> None:
    made = Run(GOAL)
    artifact = await made.artifact("a.txt", "what it says")
    assert await made.read_artifact(artifact) == b"what it says"
    artifacts = MemoryArtifacts()
    artifacts.add_of_delegates([b"what it says"])
    assert await Run(GOAL, artifacts=artifacts).read_artifact(artifact) == b"what it says"
    with pytest.raises(PermanentError, match=r"artifact 'a\.txt' is not in the stores"):
        await Run(GOAL).read_artifact(artifact)


async def test_two_artifacts_that_collide_are_not_written_at_once() -> None:
    run = Run(GOAL)
    outcomes = await asyncio.gather(
        *(run.artifact(name, b"") for name in ("a/b", "a", "a/b", "A/B")), return_exceptions=True
    )
    assert [isinstance(outcome, PermanentError) for outcome in outcomes] == [
        False,
        True,
        False,
        True,
    ]


async def test_a_name_is_free_when_its_file_was_not_written(tmp_path: Path) -> None:
    run = Run(GOAL)
    with pytest.raises(FileNotFoundError):
        await run.artifact("a", tmp_path / "missing")
    await run.artifact("a/b", b"")
    assert list(run.artifacts) == ["a/b"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a\0b", "control character"),
        ("a\nb", "control character"),
        ("\ud800", "half a surrogate pair"),
        ("invoice\u202efdp.exe", "turns the direction of text round"),
        ("a\u2066b", "turns the direction of text round"),
        ("a/" + "ü" * 128, "256 bytes"),
    ],
)
async def test_a_name_that_no_file_can_have_is_refused(name: str, message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        await a_run().artifact(name, b"")


@pytest.mark.parametrize(
    "media_type",
    ["", "text", "text/", "text/html\r\nSet-Cookie: a=b", "text/html; x=\0", "\u202e/x", "a/b;\n"],
)
async def test_what_is_no_media_type_is_refused(media_type: str) -> None:
    run = a_run()
    with pytest.raises(PermanentError, match="is no media type"):
        await run.artifact("a.txt", b"", media_type=media_type)
    kept = await run.artifact("a.txt", b"", media_type='text/plain; charset="utf-8"')
    assert kept.media_type == 'text/plain; charset="utf-8"'


async def test_artifacts_come_from_text_bytes_and_files(tmp_path: Path) -> None:
    artifacts = MemoryArtifacts()
    run = Run(GOAL, artifacts=artifacts)
    (tmp_path / "picture.svg").write_text("<svg/>")
    made = [
        await run.artifact("report.md", "# Grüße"),
        await run.artifact("charts/a.svg", tmp_path / "picture.svg"),
        await run.artifact("raw", b"\x00"),
    ]
    assert [artifact.media_type for artifact in made] == [
        "text/markdown",
        "image/svg+xml",
        "application/octet-stream",
    ]
    assert artifacts.files["report.md"] == "# Grüße".encode()
    assert set(run.artifacts) == {"report.md", "charts/a.svg", "raw"}
