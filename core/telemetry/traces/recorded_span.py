"""A span as the parts of Perdure see it, whether it is recorded or not."""

from typing import TYPE_CHECKING, Final

from perdure.models import Failure, Usage
from perdure.telemetry.traces import conventions as names

if TYPE_CHECKING:
    from perdure.telemetry.traces.tracer import Attributes, OpenSpan


class RecordedSpan:
    """A span, or what takes its place where traces are off."""

    def __init__(self, span: "OpenSpan | None" = None) -> None:
        self._span = span

    @property
    def is_real(self) -> bool:
        """Whether it is recorded, so that what it takes to describe it is worth the time."""
        return self._span is not None

    def set(self, attributes: "Attributes") -> None:
        """Set attributes; those that are ``None`` are left out."""
        if self._span is not None:
            self._span.set(attributes)

    def rename(self, name: str) -> None:
        """Give it another name."""
        if self._span is not None:
            self._span.rename(name)

    def failed(self, failure: Failure | None) -> None:
        """Say that what it stands for has failed, if it has."""
        if self._span is not None and failure is not None:
            self._span.fail(failure.type, failure.message)

    def fail(self, type_: str, message: str) -> None:
        """Say that what it stands for has failed."""
        if self._span is not None:
            self._span.fail(type_, message)

    def used(self, usage: Usage) -> None:
        """Say what it has used of paid models, if anything."""
        if self._span is not None and usage != Usage():
            self._span.set(_usage(usage))

    def repeated(self) -> None:
        """Export nothing of it, as another execution does the same again under the same id."""
        if self._span is not None:
            self._span.discard()


def _usage(usage: Usage) -> "Attributes":
    return {
        names.INPUT_TOKENS: usage.input_tokens,
        names.OUTPUT_TOKENS: usage.output_tokens,
        names.COST: usage.cost,
    }


OFF: Final = RecordedSpan()
"""Records nothing."""
