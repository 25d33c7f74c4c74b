"""The data converter of every client: Pydantic models, sealed where there are keys."""

import dataclasses
from typing import Final

from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadConverter,
)

from perdure.encryption.cipher import Cipher
from perdure.temporal.conversion.payload_codec import SealingCodec
from perdure.temporal.conversion.payload_converter import SharedPayloadConverter

ENCODED_MESSAGE: Final = "Encoded failure"


class SealedFailureConverter(DefaultFailureConverterWithEncodedAttributes):
    """Moves messages and stack traces of failures, and of all their causes, into payloads."""

    def to_failure(
        self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure
    ) -> None:
        """Convert an exception."""
        super().to_failure(exception, payload_converter, failure)
        # The causes of a failure that came from Temporal are taken over as they were there: in the
        # clear, where it is older than the keys.
        cause = failure
        while cause.HasField("cause"):
            cause = cause.cause
            if not cause.HasField("encoded_attributes") and (cause.message or cause.stack_trace):
                attributes = {"message": cause.message, "stack_trace": cause.stack_trace}
                [encoded] = payload_converter.to_payloads([attributes])
                cause.encoded_attributes.CopyFrom(encoded)
                cause.message, cause.stack_trace = ENCODED_MESSAGE, ""


def data_converter(cipher: Cipher | None) -> DataConverter:
    """Return the data converter of a client.

    Args:
        cipher: Seals every payload; without one they are in the clear, and such as are sealed
            cannot be read: whoever tries is told which key is missing.
    """
    return dataclasses.replace(
        pydantic_data_converter,
        payload_converter_class=SharedPayloadConverter,
        payload_codec=SealingCodec(cipher),
        failure_converter_class=(
            DefaultFailureConverter if cipher is None else SealedFailureConverter
        ),
    )
