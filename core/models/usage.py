"""What runs use of paid models, and what that costs."""

from datetime import datetime
from typing import Final, Literal

from perdure.models.base import Model


class Usage(Model):
    """What a run has used of paid models.

    Attributes:
        input_tokens: Tokens sent.
        output_tokens: Tokens received.
        cost: US dollars.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0

    @property
    def tokens_used(self) -> int:
        """Tokens sent and received, together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost=self.cost + other.cost,
        )


# One for all of the many steps that use nothing: each of its own would be four more objects that
# every search for garbage visits.
NO_USAGE: Final = Usage()


class Spending(Model):
    """What a run has cost: the sums of the ledger.

    Attributes:
        spent: All usage, that of lost work included.
        thrown_away: The usage of work whose outcome was lost.
        saved: The usage of what the journal or the response cache answered instead of a model.
        requests: How many requests were sent to paid models.
        steps: Executed steps.
        seconds: Execution time.
    """

    spent: Usage = Usage()
    thrown_away: Usage = Usage()
    saved: Usage = Usage()
    requests: int = 0
    steps: int = 0
    seconds: float = 0.0


class UsageSum(Model):
    """What several requests have used, of which the price may not be known.

    Attributes:
        input_tokens: Tokens sent.
        output_tokens: Tokens received.
        cost: US dollars of the requests whose price is known; ``None`` when none's is.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = 0.0


class ScoreAverage(Model):
    """The scores of a name that several goals have.

    Attributes:
        name: What is judged.
        count: How many there are.
        average: The average of those that are numbers, true as 1 and false as 0; ``None`` where
            all are labels.
    """

    name: str
    count: int
    average: float | None = None


UsageGrouping = Literal["day", "agent", "key", "tenant"]
"""What usage is summed up by; a day is one of UTC, a key is known by its name."""


class UsageGroup(Model):
    """What the goals of one day, agent, key or tenant have used.

    Attributes:
        key: The day, such as ``2026-03-01``, the agent, the name of the key or of the person that
            handed the goals in, or the tenant; empty for the sum of all, and for goals that were
            not handed in over HTTP.
        goals: How many goals were started.
        completed: How many of them have completed.
        failed: How many have failed.
        cancelled: How many were cancelled.
        terminated: How many were terminated.
        seconds: How long those took together that have ended, waits included.
        requests: How many requests models have answered.
        unpriced_requests: How many of them are of a model whose price is not known.
        spent: What these requests have used.
        thrown_away: What of that was lost with the work it was for.
        saved: What the journal and the response cache answered instead of a model, counted on the
            day on which its goal was started.
        scores: How good they were, by the names of scores, on the days on which these were given;
            the 50 names that most have.
    """

    key: str = ""
    goals: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    terminated: int = 0
    seconds: float = 0.0
    requests: int = 0
    unpriced_requests: int = 0
    spent: UsageSum = UsageSum()
    thrown_away: UsageSum = UsageSum()
    saved: UsageSum = UsageSum()
    scores: tuple[ScoreAverage, ...] = ()


class UsageReport(Model):
    """What goals have used since some time.

    Attributes:
        by: What it is summed up by.
        since: What was used before is left out; of goals that were deleted by now, what was used
            before that day.
        groups: The sums, by their keys.
        total: The sum of all.
    """

    by: UsageGrouping
    since: datetime
    groups: list[UsageGroup]
    total: UsageGroup
