"""The waits of a run: for people, children, signals and times, with no worker occupied."""

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

# How long the run waits for further children once one has ended, so that many do not cause one
# execution each; doubled from one wait to the next.
FIRST_BATCH_WINDOW = timedelta(seconds=0.5)
MAX_BATCH_WINDOW = timedelta(seconds=10)

StartChild = Callable[[Wait], Awaitable["workflow.ChildWorkflowHandle[Any, Any]"]]


class Waits:
    """The waits of a run, and which of them are over.

    Attributes:
        woken: The ids of waits that are over and not yet taken by an execution.
    """

    def __init__(self) -> None:
        self.woken: set[str] = set()
        self._children: dict[str, asyncio.Task[None]] = {}
        self._batch_window = FIRST_BATCH_WINDOW

    @property
    def has_children(self) -> bool:
        """Whether a child is still running."""
        return any(not task.done() for task in self._children.values())

    async def wait_for_any(self, waits: tuple[Wait, ...], start: StartChild) -> None:
        """Start the children among the waits, and wait until one of the waits is over.

        Args:
            waits: The open waits.
            start: Starts the child of a wait.
        """
        for wait in waits:
            if wait.kind is WaitKind.DELEGATE and wait.id not in self._children:
                child = asyncio.create_task(self._follow(wait, start))
                self._children[wait.id] = child
        ids = {wait.id for wait in waits}
        await self._wait_until(lambda: bool(self.woken & ids), _time_left(waits))
        await self._batch_children(waits)
        self.woken -= ids

    async def end_children(self) -> None:
        """Cancel the children that are still running, and wait for their end."""
        for task in self._children.values():
            task.cancel()
        if self._children:
            await asyncio.gather(*self._children.values(), return_exceptions=True)

    async def _batch_children(self, waits: tuple[Wait, ...]) -> None:
        children = {wait.id for wait in waits if wait.kind is WaitKind.DELEGATE}
        only_children = not (self.woken & {wait.id for wait in waits} - children)
        if not (children - self.woken) or not (self.woken & children) or not only_children:
            return
        await self._wait_until(lambda: children <= self.woken, self._batch_window)
        self._batch_window = min(self._batch_window * 2, MAX_BATCH_WINDOW)

    async def _wait_until(self, is_over: Callable[[], bool], limit: timedelta | None) -> None:
        try:
            await workflow.wait_condition(is_over, timeout=limit)
        except TimeoutError:
            return

    async def _follow(self, wait: Wait, start: StartChild) -> None:
        try:
            child = await start(wait)
            await child
        except WorkflowAlreadyStartedError:
            # An earlier run of this one started it: its end is reported through the stores.
            return
        except ChildWorkflowError as error:
            if is_cancelled_exception(error) and workflow.cancellation_reason() is not None:
                return
        self.woken.add(wait.id)


def _time_left(waits: Iterable[Wait]) -> timedelta | None:
    ends = [wait.until for wait in waits if wait.until is not None]
    return max(min(ends) - workflow.now(), timedelta(0)) if ends else None
