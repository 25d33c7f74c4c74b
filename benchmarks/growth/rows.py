"""The rows of goals that have ended, as many as are asked for: plain tuples, to be loaded quickly.

A goal has three steps, six events, one request of a model, a result, its sums, its words and who
started it. Of the same number they are the same rows each time.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from perdure.stores.search.words import words_of

STEPS: Final = 3
EVENTS: Final = 6
AGENTS: Final = tuple(f"agent-{number}" for number in range(20))
CALLERS: Final = tuple(f"caller {number}" for number in range(50))
NOW: Final = datetime.now(UTC).replace(microsecond=123_456)
# The newest of them ended a day ago, and there was one in each half minute.
_APART: Final = timedelta(seconds=30)
_YOUNGEST: Final = timedelta(days=1)
_FAILED_OF: Final = 50  # one in so many
_TEXTS: Final = 1_000
_VOCABULARY: Final = 20_000
_EVENT_TYPES: Final = ("run.started", *["step.finished"] * STEPS, "progress", "run.completed")

Row = tuple[object, ...]


@dataclass(frozen=True)
class Rows:
    """What is loaded into a table.

    Attributes:
        columns: Which columns have a value; the others have their defaults.
        of_goal: Gives the rows of a goal by its number.
    """

    columns: tuple[str, ...]
    of_goal: Callable[[int], Iterator[Row]]

    def of(self, goals: int) -> Iterator[Row]:
        """Yield the rows of so many goals."""
        for number in range(goals):
            yield from self.of_goal(number)


def run_of(number: int) -> str:
    """Return the workflow id of a goal."""
    return f"goal-old-{number:08d}-{number:032x}"


def all_rows(time: Callable[[datetime], object]) -> Mapping[str, Rows]:
    """Return what is loaded, by the table's name; a table comes after those that it refers to.

    Args:
        time: Makes of a time what the database's driver takes.
    """
    chances = random.Random(16)
    texts = [
        " ".join(
            f"w{min(int(chances.paretovariate(0.5)), _VOCABULARY)}"
            for _ in range(chances.randint(5, 40))
        )
        for _ in range(_TEXTS)
    ]

    # As the index has such plain words; to make them anew for each goal takes longest of all.
    words_of_texts = [" ".join(dict.fromkeys(each.split())) for each in texts]

    def at(number: int) -> datetime:
        return NOW - _YOUNGEST - number * _APART

    def goals(number: int) -> Iterator[Row]:
        status = "completed" if number % _FAILED_OF else "failed"
        run, started = run_of(number), time(at(number))
        description, caller = texts[number % _TEXTS], CALLERS[number % len(CALLERS)]
        agent = AGENTS[number % len(AGENTS)]
        ids = (run, f"old-{number:08d}")
        yield (*ids, description, agent, "{}", status, started, started, EVENTS, run, caller)

    def words(number: int) -> Iterator[Row]:
        ids = words_of(run_of(number), f"old-{number:08d}", "")
        yield run_of(number), f"{ids} {words_of_texts[number % _TEXTS]}"

    def results(number: int) -> Iterator[Row]:
        yield run_of(number), '{"summary": "done", "data": {}}', "done", 31, "{}"

    def steps(number: int) -> Iterator[Row]:
        run, recorded = run_of(number), time(at(number))
        for step in range(STEPS):
            yield run, "look", f"{step:064x}", 0, '"what it found"', 0.5, recorded

    def events(number: int) -> Iterator[Row]:
        run, happened = run_of(number), time(at(number))
        for event, kind in enumerate(_EVENT_TYPES, start=1):
            yield run, event, kind, happened, '{"message": "half-way", "percentage": 50.0}'

    def spending(number: int) -> Iterator[Row]:
        run = run_of(number)
        key = (run, 1, run, "ask", f"{number:064x}", 0)
        yield (*key, "openai:small", "kept", 900, 90, 0.01, time(at(number)))

    def totals(number: int) -> Iterator[Row]:
        yield run_of(number), run_of(number), STEPS, 1.5, 0, 0, 0.0

    def audit(number: int) -> Iterator[Row]:
        who = CALLERS[number % len(CALLERS)]
        what = ("127.0.0.1", "goal.start", run_of(number), 200, f"{number:032x}", "{}")
        yield time(at(number)), who, *what

    return {
        "goals": Rows(
            (
                *("workflow_id", "goal_id", "description", "agent_type", "parameters", "status"),
                *("started_at", "ended_at", "last_event", "root", "started_by"),
            ),
            goals,
        ),
        "goal_words": Rows(("workflow_id", "words"), words),
        "results": Rows(("workflow_id", "result", "summary", "size", "metadata"), results),
        "steps": Rows(
            ("workflow_id", "name", "digest", "occurrence", "value", "seconds", "recorded_at"),
            steps,
        ),
        "events": Rows(("workflow_id", "number", "type", "time", "data"), events),
        "spending": Rows(
            (
                *("workflow_id", "entry", "root", "name", "digest", "occurrence", "model"),
                *("state", "input_tokens", "output_tokens", "cost", "at"),
            ),
            spending,
        ),
        "totals": Rows(
            (
                *("workflow_id", "root", "steps", "seconds"),
                *("saved_input_tokens", "saved_output_tokens", "saved_cost"),
            ),
            totals,
        ),
        "audit": Rows(
            (
                *("at", "who", "address", "action", "subject", "status"),
                *("request_id", "details"),
            ),
            audit,
        ),
    }
