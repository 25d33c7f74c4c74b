"""A fix made of edits: one for all failing tests, or one for each part of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from perdure_code.repair.search import Attempt, Search, in_order


@dataclass(frozen=True, slots=True)
class Plan:
    """Edits that together make failing tests pass.

    Attributes:
        attempts: The edits.
        targets: For each, the failing tests that pass with it alone.
    """

    attempts: tuple[Attempt, ...]
    targets: tuple[tuple[str, ...], ...]

    @property
    def passing(self) -> set[str]:
        """The failing tests that pass with one of them."""
        return {test for tests in self.targets for test in tests}


def whole_plans(search: Search) -> list[Plan]:
    """Return the plans of one edit that makes all failing tests pass, the best first."""
    return [Plan((attempt,), (search.targets,)) for attempt in in_order(search.plausible)]


def combined_plan(found: Sequence[tuple[tuple[str, ...], Attempt]]) -> Plan | None:
    """Return the plan of edits that each make a part of the failing tests pass.

    Args:
        found: The tests that pass, with the best edit for them, the most tests first.

    Returns:
        As many edits as bring further tests to pass, none in another's place; ``None`` for none.
    """
    attempts: list[Attempt] = []
    targets: list[tuple[str, ...]] = []
    covered: set[str] = set()
    for tests, attempt in found:
        if not set(tests) - covered or any(_overlap(attempt, other) for other in attempts):
            continue
        covered |= set(tests)
        attempts.append(attempt)
        targets.append(tests)
    return Plan(tuple(attempts), tuple(targets)) if attempts else None


def _overlap(one: Attempt, other: Attempt) -> bool:
    return one.suspect.path == other.suspect.path and any(
        start <= end_of_other and start_of_other <= end
        for start, end, _ in one.change.edits
        for start_of_other, end_of_other, _ in other.change.edits
    )
