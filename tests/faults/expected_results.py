"""The result that each goal must have, computed without running anything."""

from perdure.models import GoalRecord, GoalStatus
from tests.faults.agents import bulk, digest, numbers_of

SIGNAL = 1000


def approves(seed: int, question: str) -> bool:
    """Return what the person who is asked says."""
    return (seed + question.endswith("too?")) % 3 != 0


def expected_answer(agent: str, seed: int, size: int) -> int | None:
    """Return the answer of a goal; ``None`` for one that has to fail."""
    given = numbers_of(seed, size)
    total, first = sum(given), given[0]
    yes = approves(seed, "Count?") + approves(seed, "Count too?")
    answers: dict[str, int | None] = {
        "sums": total * 3,
        "careful": total,
        "talker": total,
        "asker": first + yes,
        "sleeper": first + SIGNAL + seed,
        "payer": first,
        "raiser": total,
        "poison": None,
        "blocker": total + 1,
        "leaker": total + 1,
        "flood": total,
        "bulky": first,
        "versioned": total + 2,
    }
    if agent == "parent":
        return 1 + 3 * sum(numbers_of(seed + 1, 3)) + sum(numbers_of(seed + 2, 2))
    return answers[agent]


def kind_of(record: GoalRecord) -> str:
    """Return which agent did a goal, or which one the mixed agent was."""
    return str(record.parameters.get("kind") or record.agent_type)


def problem_of(record: GoalRecord) -> str | None:
    """Return what is wrong with how a goal ended; ``None`` when nothing is."""
    given = record.parameters
    seed, size = int(str(given["seed"])), int(str(given.get("size", 4)))
    kind = kind_of(record)
    expected = expected_answer(kind, seed, size)
    if expected is None:
        is_dead = record.status is GoalStatus.FAILED and record.error is not None
        return None if is_dead else f"it is {record.status} and has to fail"
    if record.status is not GoalStatus.COMPLETED or record.result is None:
        return f"it is {record.status}: {record.error}"
    data = record.result.data
    if data["answer"] != expected:
        return f"it answers {data['answer']}, which should be {expected}"
    if kind == "bulky":
        whole = digest(str(data["bulk"])) == digest(bulk(expected))
        return None if whole else "its 50 MB are not what was returned"
    if kind == "sums" and [one.name for one in record.artifacts] != ["answer.txt"]:
        return f"its files are {record.artifacts}"
    return None
