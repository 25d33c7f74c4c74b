"""The texts of a run that readers see piece by piece."""

from perdure.agents.steps.journal import EventEmitter
from perdure.agents.steps.keys import StepKey, stream_of
from perdure.agents.steps.steps import Steps, current_step
from perdure.models.texts import escape_surrogates


class TextStreams:
    """Emits texts in pieces, and withdraws those of a step that failed or is retried."""

    def __init__(self, steps: Steps, emitter: EventEmitter) -> None:
        self._steps = steps
        self._emitter = emitter
        self._streams: dict[StepKey, set[str]] = {}

    async def emit(self, stream: str, delta: str) -> None:
        """Emit the next piece of a text, which belongs to the current step if there is one."""
        key = current_step.get()
        if key is not None:
            stream = f"{stream_of(key)}.{stream}"
            self._streams.setdefault(key, set()).add(stream)
        with self._steps.in_flight():
            await self._emitter.emit_text(stream, escape_surrogates(delta))

    async def withdraw(self, key: StepKey) -> None:
        """Withdraw the texts that a step has emitted."""
        with self._steps.in_flight():
            for stream in sorted(self._streams.pop(key, ())):
                await self._emitter.emit_event("text.withdrawn", {"stream": stream})
