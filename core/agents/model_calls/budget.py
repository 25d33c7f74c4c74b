"""The budget of a run's model requests, shared by those that are in flight at once.

A request may use as many tokens as its response may have at most, so these are reserved while it is
in flight. A request for which nothing is left, because others have it reserved, waits for them, be
they of its own run or of the goal's other runs, such as the members of a team.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from perdure.agents.steps.errors import BudgetExceeded
from perdure.agents.steps.journal import Ledger
from perdure.agents.steps.keys import StepKey
from perdure.models import Usage

# Shorter responses are cut off before they say anything, and some providers refuse such requests.
MIN_OUTPUT_TOKENS: Final = 16
# Where the agent does not limit a response, a request reserves a quarter of what is left, so that
# others can be made beside it, but no less than this.
DEFAULT_OUTPUT_TOKENS: Final = 16_384
# Other runs' requests are in other processes, which say nothing when they end. What a process that
# was killed held back is free again when its run goes on, and that may be never.
LOOK_SECONDS: Final = 0.2
ELSEWHERE_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What a request asks of the budget.

    Attributes:
        model: The model's name.
        input_tokens: How many tokens it sends, as far as is known.
        max_tokens: The agent's limit for the response; ``None`` when it gives none.
        price: Returns the price in dollars of so many tokens sent and received.
    """

    model: str
    input_tokens: int
    max_tokens: int | None
    price: Callable[[int, int], float]


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a request may use of the budget.

    Attributes:
        entry: Its number in the ledger.
        max_tokens: The limit for the response; ``None`` when there is none.
        lowered: Whether the budget, not the agent, sets that limit.
    """

    entry: int
    max_tokens: int | None
    lowered: bool


class BudgetGuard:
    """Reserves the budget of one run for its requests, and settles what they used.

    Attributes:
        ledger: The run's ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._in_flight_count = 0
        self._settled = asyncio.Event()
        self._lock = asyncio.Lock()
        self._ended = ""

    def end(self, reason: str) -> None:
        """Allow no further request; the first reason counts."""
        self._ended = self._ended or reason

    async def reserve(self, key: StepKey, request: TokenRequest) -> Reservation:
        """Reserve what a request may use; :meth:`settle` releases what it did not.

        Raises:
            BudgetExceeded: The budget does not allow it, and no request in flight will release any;
                or :meth:`end` was called.
        """
        until = time.monotonic() + ELSEWHERE_SECONDS
        while True:
            if self._ended:
                raise BudgetExceeded(self._ended)
            settled = self._settled
            try:
                async with self._lock:
                    reservation = await self._reserve(key, request)
            except BudgetExceeded:
                if settled.is_set() or self._in_flight_count:
                    await settled.wait()
                elif time.monotonic() < until and await self.ledger.is_held_elsewhere():
                    await asyncio.sleep(LOOK_SECONDS)
                else:
                    raise
                continue
            self._in_flight_count += 1
            return reservation

    async def settle(self, reservation: Reservation, usage: Usage, *, kept: bool) -> None:
        """Enter what a request has used, and whether its outcome was kept."""
        try:
            await self.ledger.settle(reservation.entry, usage, kept=kept)
        finally:
            self._in_flight_count -= 1
            self._settled.set()
            self._settled = asyncio.Event()

    async def _reserve(self, key: StepKey, request: TokenRequest) -> Reservation:
        allowed = _smallest(
            await self._allowed_by_tokens(request), await self._allowed_by_cost(request)
        )
        limit = request.max_tokens
        if allowed is not None:
            if allowed < min(MIN_OUTPUT_TOKENS, request.max_tokens or MIN_OUTPUT_TOKENS):
                raise BudgetExceeded(
                    f"the goal's budget leaves nothing for the answer of {request.model} to a"
                    f" request of about {request.input_tokens:,} tokens: hand the goal in again"
                    " with a larger one"
                )
            wish = request.max_tokens or max(allowed // 4, DEFAULT_OUTPUT_TOKENS)
            limit = min(allowed, wish)
        expected = Usage(
            input_tokens=request.input_tokens,
            output_tokens=limit or 0,
            cost=request.price(request.input_tokens, limit or 0),
        )
        entry = await self.ledger.reserve(key, request.model, expected)
        return Reservation(entry, limit, lowered=limit != request.max_tokens)

    async def _allowed_by_tokens(self, request: TokenRequest) -> int | None:
        left = await self.ledger.left()
        return None if left is None else max(0, left - request.input_tokens)

    async def _allowed_by_cost(self, request: TokenRequest) -> int | None:
        left = await self.ledger.left_cost()
        if left is None:
            return None
        price_of_a_million = request.price(0, 1_000_000)
        if price_of_a_million <= 0:  # the model's price is not known
            return None
        rest = left - request.price(request.input_tokens, 0)
        return max(0, int(rest / price_of_a_million * 1_000_000))


def _smallest(*limits: int | None) -> int | None:
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else None
