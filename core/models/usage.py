"""What runs use of paid models, and what that costs."""

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
