"""A span as the parts of Perdure see it, whether it is recorded or not."""

from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from perdure.models import Failure, Usage

Attributes = Mapping[str, str | int | float | bool | None]


class RecordedSpan:
    """A span; this class is what takes its place where traces are off, and records nothing.

    It is the current span of a ``with`` block, at whose end it ends. An error that leaves the block
    is that of the span.

    Attributes:
        is_real: Whether it is recorded, so that what it takes to describe it is worth the time.
    """

    # No generator: a step waits for these.
    __slots__ = ()

    is_real: bool = False

    def __enter__(self) -> Self:
        """Become the current span."""
        return self

    def __exit__(
        self,
        type_: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End."""

    def set(self, attributes: Attributes) -> None:
        """Set attributes; those that are ``None`` are left out."""

    def rename(self, name: str) -> None:
        """Give it another name."""

    def failed(self, failure: Failure | None) -> None:
        """Say that what it stands for has failed, if it has."""

    def fail(self, type_: str, message: str = "") -> None:
        """Say that what it stands for has failed; what is said first counts."""

    def used(self, usage: Usage) -> None:
        """Say what it has used of paid models, if anything."""

    def repeated(self) -> None:
        """Export nothing of it, as another process makes the same span."""


OFF: Final = RecordedSpan()
"""Records nothing."""
