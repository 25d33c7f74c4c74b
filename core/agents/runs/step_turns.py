"""Steps that begin together take turns, so that the event loop gets to all else in between."""

import asyncio
from collections import deque
from typing import Final
from weakref import WeakKeyDictionary

# To begin a step takes a fifth of a millisecond: what is done at once is a small part of what
# heartbeats, requests and timers can wait for.
STEPS_A_ROUND: Final = 50

_of_loop: "Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _StepTurns]]" = WeakKeyDictionary()


async def step_turn() -> None:
    """Wait for a round of the event loop in which fewer than 50 steps have begun.

    A thousand goals that a model's limit held back go on in the same instant. The loop would begin
    a step of each before it looked at anything else.
    """
    loop = asyncio.get_running_loop()
    turns = _of_loop.get(loop)
    if turns is None:
        turns = _of_loop[loop] = _StepTurns()
    await turns.next(loop)


class _StepTurns:
    def __init__(self) -> None:
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def next(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._taken >= STEPS_A_ROUND or self._waiting:
            turn = loop.create_future()
            self._waiting.append(turn)
            await turn
            return
        if not self._taken:
            loop.call_soon(self._begin_round, loop)
        self._taken += 1

    def _begin_round(self, loop: asyncio.AbstractEventLoop) -> None:
        self._taken = 0
        while self._waiting and self._taken < STEPS_A_ROUND:
            turn = self._waiting.popleft()
            if not turn.done():  # its task was cancelled
                turn.set_result(None)
                self._taken += 1
        if self._taken:
            loop.call_soon(self._begin_round, loop)
