"""The events of the tools that models call: arguments, what came back, how long."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from perdure.agents.steps.keys import StepKey, named_step
from perdure.models import EventType
from perdure.models.texts import join_surrogates
from perdure.telemetry.traces.steps import tool_called

# Enough to see what it is about; events are no place for whole files.
VALUE_CHARACTERS: Final = 2_000

Emit = Callable[[EventType, Mapping[str, JsonValue]], Awaitable[None]]


@dataclass(frozen=True, slots=True, eq=False)
class _OpenCall:
    """A call of a tool whose result is expected.

    Attributes:
        tool: The tool's name.
        call_id: What identifies the call; some providers give the next one the same.
        at: When it was made, in UTC.
    """

    tool: str
    call_id: str
    at: datetime


class ToolEvents:
    """Emits which tools are called in one execution, and what came of each call.

    Whoever calls the tool reports what came back, and how long it took. For a call that the agent's
    own library makes, the event is emitted when its result is in the next request; and for one
    whose result nobody sends, when the agent has ended.

    In a later execution the same is emitted again: the store keeps each event once.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._open: list[_OpenCall] = []

    def expect(self, tool: str, call_id: str) -> None:
        """Expect the result of a tool's call, which begins now."""
        self._open.append(_OpenCall(tool, call_id, datetime.now(UTC)))

    async def called(self, key: StepKey, tool: str, call_id: str, arguments: object) -> None:
        """Emit ``tool.called``.

        Args:
            key: The step of the model request that calls it.
            tool: The tool's name.
            call_id: What identifies the call.
            arguments: JSON text, or anything that has a JSON form.
        """
        data: dict[str, JsonValue] = {"tool": tool, "tool_call_id": call_id}
        data["arguments"] = value_text(arguments)
        await self._emit("tool.called", {**named_step(key), **data})

    async def abandoned(self, call_ids: Iterable[str], reason: str) -> None:
        """Emit ``tool.returned`` for those of some calls whose results nobody will send.

        Args:
            call_ids: What identifies the calls.
            reason: Why what called them has ended.
        """
        for call_id in call_ids:
            await self.sent(call_id, reason, failed=True)

    async def end(self, reason: str) -> None:
        """Emit ``tool.returned`` for the calls that are still open, as the agent has ended."""
        ended, self._open = self._open, []
        for call in ended:
            await self._emit_returned(call.tool, call.call_id, reason, failed=True)

    async def sent(self, call_id: str, result: object, *, failed: bool = False) -> None:
        """Emit ``tool.returned`` for a call whose result a request sends, if it is still open."""
        call = self._take(call_id)
        if call is not None:
            seconds = (datetime.now(UTC) - call.at).total_seconds()
            await self._emit_returned(call.tool, call_id, result, failed=failed, seconds=seconds)

    async def returned(
        self,
        tool: str,
        call_id: str,
        result: object,
        *,
        failed: bool = False,
        seconds: float | None = None,
        at: datetime | None = None,
        is_observed: bool = True,
        is_traced: bool = False,
    ) -> None:
        """Emit ``tool.returned``.

        Args:
            tool: The tool's name.
            call_id: What identifies the call.
            result: What it returned, or why it failed.
            failed: Whether it failed, or is to be called otherwise.
            seconds: How long it took.
            at: When it ended, in UTC, where ``seconds`` is not known.
            is_observed: Whether the caller made the call itself. One that found its result in a
                request reports only what this execution was seen to call and not to return: what
                an agent makes up for its history is no call.
            is_traced: Whether the call is to have a span, as it was made in this execution by
                somebody who records none.
        """
        call = self._take(call_id)
        if call is None and not is_observed:
            return
        if seconds is None and at is not None and call is not None:
            seconds = max(0.0, (at - call.at).total_seconds())
        if is_traced and call is not None:
            tool_called(tool, call_id, call.at, seconds or 0.0, failed=failed)
        await self._emit_returned(tool, call_id, result, failed=failed, seconds=seconds)

    def _take(self, call_id: str) -> _OpenCall | None:
        call = next((call for call in self._open if call.call_id == call_id), None)
        if call is not None:
            self._open.remove(call)
        return call

    async def _emit_returned(
        self,
        tool: str,
        call_id: str,
        result: object,
        *,
        failed: bool,
        seconds: float | None = None,
    ) -> None:
        data: dict[str, JsonValue] = {"tool": tool, "tool_call_id": call_id}
        data["error" if failed else "result"] = value_text(result)
        if seconds is not None:
            data["seconds"] = round(seconds, 6)
        await self._emit("tool.returned", data)


def value_text(value: object) -> str:
    """Return a value as text, JSON where it is none, cut off where it is long."""
    if isinstance(value, str):
        text = value
    else:
        plain = to_jsonable_python(value, fallback=str, bytes_mode="base64")
        text = json.dumps(plain, ensure_ascii=False)
    text = text if len(text) <= VALUE_CHARACTERS else f"{text[:VALUE_CHARACTERS]}…"
    return join_surrogates(text)
