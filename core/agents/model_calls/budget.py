"""What a run may spend on models, shared by the requests it makes at once.

A request may use what its answer may be long at most, so this much is held back while it is under
way. A request that finds nothing left because others hold it back waits until they are done.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from perdure.agents.steps.errors import BudgetExceeded
from perdure.agents.steps.journal import Ledger, StepKey
from perdure.models import Usage

# Shorter answers are cut off before they say anything, and some providers refuse to be asked.
LEAST_OUTPUT: Final = 16
# Where nobody said how long an answer may be, one request takes a quarter of what is left, so that
# others can be made beside it, but no less than this.
FAIR_OUTPUT: Final = 16_384


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What a request would like to use.

    Attributes:
        model: The model's name.
        input_tokens: What will be sent, in tokens, as far as is known.
        max_tokens: How long the answer may be; ``None`` when nobody said.
        price: Returns the dollars for so many tokens sent and received.
    """

    model: str
    input_tokens: int
    max_tokens: int | None
    price: Callable[[int, int], float]


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a request may use.

    Attributes:
        entry: Its number in the ledger.
        max_tokens: How long the answer may be; ``None`` when nothing limits it.
        lowered: Whether the budget limits it to less than was wanted.
    """

    entry: int
    max_tokens: int | None
    lowered: bool


class BudgetGuard:
    """The ledger of one run, as its requests use it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._under_way = 0
        self._settled = asyncio.Event()
        self._turn = asyncio.Lock()

    async def reserve(self, key: StepKey, wanted: TokenRequest) -> Reservation:
        """Hold back what a request may use; :meth:`settle` gives back what it did not.

        Raises:
            BudgetExceeded: The budget does not allow it, and no other request will give any back.
        """
        while True:
            settled = self._settled
            try:
                async with self._turn:
                    reservation = await self._reserve(key, wanted)
            except BudgetExceeded:
                if not settled.is_set() and not self._under_way:
                    raise
                await settled.wait()
                continue
            self._under_way += 1
            return reservation

    async def settle(self, reservation: Reservation, usage: Usage, *, kept: bool) -> None:
        """Note what a request has used, and whether its outcome was kept."""
        try:
            await self.ledger.settle(reservation.entry, usage, kept=kept)
        finally:
            self._under_way -= 1
            self._settled.set()
            self._settled = asyncio.Event()

    async def _reserve(self, key: StepKey, wanted: TokenRequest) -> Reservation:
        allowed = _least(await self._allowed_by_tokens(wanted), await self._allowed_by_cost(wanted))
        limit = wanted.max_tokens
        if allowed is not None:
            if allowed < min(LEAST_OUTPUT, wanted.max_tokens or LEAST_OUTPUT):
                raise BudgetExceeded(
                    f"the goal's budget leaves nothing for the answer of {wanted.model} to a"
                    f" request of about {wanted.input_tokens:,} tokens: hand the goal in again with"
                    " a larger one"
                )
            fair = wanted.max_tokens or max(allowed // 4, FAIR_OUTPUT)
            limit = min(allowed, fair)
        expected = Usage(
            input_tokens=wanted.input_tokens,
            output_tokens=limit or 0,
            cost=wanted.price(wanted.input_tokens, limit or 0),
        )
        entry = await self.ledger.reserve(key, wanted.model, expected)
        return Reservation(entry, limit, lowered=limit != wanted.max_tokens)

    async def _allowed_by_tokens(self, wanted: TokenRequest) -> int | None:
        left = await self.ledger.left()
        return None if left is None else max(0, left - wanted.input_tokens)

    async def _allowed_by_cost(self, wanted: TokenRequest) -> int | None:
        left = await self.ledger.left_cost()
        if left is None:
            return None
        a_million = wanted.price(0, 1_000_000)
        if a_million <= 0:  # a model whose price nobody knows
            return None
        rest = left - wanted.price(wanted.input_tokens, 0)
        return max(0, int(rest / a_million * 1_000_000))


def _least(*limits: int | None) -> int | None:
    named = [limit for limit in limits if limit is not None]
    return min(named) if named else None
