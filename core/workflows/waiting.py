"""Waiting for people, children, signals and clocks, without a worker."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import (
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)

with workflow.unsafe.imports_passed_through():
    from perdure.messages import Wait, WaitKind

# How long the first child that ends waits for the others, so that many do not wake the run one by
# one; doubled from one suspension to the next.
FIRST_GATHERING = timedelta(seconds=0.5)
LONGEST_GATHERING = timedelta(seconds=10)

Start = Callable[[Wait], Awaitable["workflow.ChildWorkflowHandle[Any, Any]"]]


class Waiting:
    """What a run waits for, and what of it is over.

    Attributes:
        woken: Ids of waits that are over and were not taken yet.
    """

    def __init__(self) -> None:
        self.woken: set[str] = set()
        self._children: dict[str, asyncio.Task[None]] = {}
        self._gathering = FIRST_GATHERING

    @property
    def has_children(self) -> bool:
        """Whether a child is still under way."""
        return any(not task.done() for task in self._children.values())

    async def until_any_is_over(self, waits: tuple[Wait, ...], start: Start) -> None:
        """Start the children that are waited for, and wait until one of the waits is over.

        Args:
            waits: What is waited for.
            start: Starts the child of a wait.
        """
        for wait in waits:
            if wait.kind is WaitKind.DELEGATE and wait.id not in self._children:
                child = asyncio.create_task(self._follow(wait, start))
                self._children[wait.id] = child
        ids = {wait.id for wait in waits}
        await self._until(lambda: bool(self.woken & ids), _time_left(waits))
        await self._gather(waits)
        self.woken -= ids

    async def end_children(self) -> None:
        """Cancel the children that are still under way, and wait for their end."""
        for task in self._children.values():
            task.cancel()
        if self._children:
            await asyncio.gather(*self._children.values(), return_exceptions=True)

    async def _gather(self, waits: tuple[Wait, ...]) -> None:
        children = {wait.id for wait in waits if wait.kind is WaitKind.DELEGATE}
        only_children = not (self.woken & {wait.id for wait in waits} - children)
        if not (children - self.woken) or not (self.woken & children) or not only_children:
            return
        await self._until(lambda: children <= self.woken, self._gathering)
        self._gathering = min(self._gathering * 2, LONGEST_GATHERING)

    async def _until(self, is_over: Callable[[], bool], limit: timedelta | None) -> None:
        try:
            await workflow.wait_condition(is_over, timeout=limit)
        except TimeoutError:
            return

    async def _follow(self, wait: Wait, start: Start) -> None:
        try:
            child = await start(wait)
            await child
        except WorkflowAlreadyStartedError:
            # An earlier run of this one started it: it is the stores that tell of its end.
            return
        except ChildWorkflowError as error:
            if is_cancelled_exception(error) and workflow.cancellation_reason() is not None:
                return
        self.woken.add(wait.id)


def _time_left(waits: Iterable[Wait]) -> timedelta | None:
    ends = [wait.until for wait in waits if wait.until is not None]
    return max(min(ends) - workflow.now(), timedelta(0)) if ends else None
