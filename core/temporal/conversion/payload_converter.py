"""Values to JSON and back, by one converter for the whole process."""

from collections.abc import Sequence
from typing import Any, Final

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import PayloadConverter

# It keeps a parser for each type. The SDK makes a converter for each run it loads, and each would
# build the parsers of all types anew: a millisecond a goal.
_SHARED: Final = PydanticPayloadConverter()


class SharedPayloadConverter(PayloadConverter):
    """Converts Pydantic models, and all that Pydantic knows.

    It has no context, so that the SDK makes no copy of it for each activity and each run.
    """

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        """Return values as payloads; see the base class."""
        return _SHARED.to_payloads(values)

    def from_payloads(
        self, payloads: Sequence[Payload], type_hints: list[type] | None = None
    ) -> list[Any]:
        """Return payloads as values of these types; see the base class."""
        return _SHARED.from_payloads(payloads, type_hints)
