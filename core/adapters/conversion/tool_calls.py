"""Calls of tools as steps of a run, and their events."""

import time
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from pydantic import JsonValue

from perdure.agents import PolicyDenied, Run, StepFailed
from perdure.agents.policy.acting_tool import ToolAct, acting_as
from perdure.agents.policy.gate import tool_parameters
from perdure.telemetry.traces.steps import calling_tool

P = ParamSpec("P")
T = TypeVar("T")


class ToolCall:
    """One call of a tool by a model.

    Attributes:
        seconds: How long its body took; ``None`` when it was answered from the journal.
    """

    def __init__(self, run: Run, tool: str, call_id: str | None, arguments: object) -> None:
        """Bind a call to a run.

        Args:
            run: The run.
            tool: The tool's name.
            call_id: What identifies the call; ``None`` where no model has made it.
            arguments: What it is given, for the policy.
        """
        self.seconds: float | None = None
        self._run: Final = run
        self._tool: Final = tool
        self._call_id: Final = call_id
        self._act: Final = ToolAct(tool, arguments)

    async def step(self, body: Callable[P, Awaitable[T]], *inputs: P.args, **_: P.kwargs) -> T:
        """Execute the call's body as a step, and report when it fails.

        Raises:
            StepFailed: The body raised.
        """

        @wraps(body)
        async def timed(*args: P.args, **kwargs: P.kwargs) -> T:
            started = time.monotonic()
            try:
                with acting_as(None):  # its own steps are steps like others
                    return await body(*args, **kwargs)
            finally:
                self.seconds = time.monotonic() - started

        try:
            with calling_tool(self._tool, self._call_id), acting_as(self._act):
                return await self._run.step(f"tool {self._tool}", timed, *inputs)
        except StepFailed as error:
            await self.report(str(error), failed=True)
            raise

    async def admit(self) -> None:
        """Have the policy judge a call that is no step.

        Raises:
            PolicyDenied: It is denied.
        """
        try:
            arguments = self._act.arguments
            # Some providers number the calls of each answer anew.
            identity: JsonValue = [self._call_id, {**tool_parameters(arguments)}]
            await self._run.policy.admit_call(self._tool, arguments, identity)
        except PolicyDenied as error:
            await self.report(str(error), failed=True)
            raise

    async def report(self, result: object, *, failed: bool = False) -> None:
        """Emit what came back, or why the call failed; once over all executions."""
        if self._call_id is not None:
            await self._run.events.tools.returned(
                self._tool, self._call_id, result, failed=failed, seconds=self.seconds
            )
