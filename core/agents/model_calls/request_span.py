"""What the span of a model request says of the request and its response."""

import json
from collections.abc import Sequence

import structlog
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models.instrumented import InstrumentationSettings

from perdure.agents.model_calls.request import ModelCall
from perdure.redaction import without_secrets
from perdure.telemetry import conventions
from perdure.telemetry.traces.process import captures_content
from perdure.telemetry.traces.recorded_span import RecordedSpan

log = structlog.get_logger()


def describe_response(
    span: RecordedSpan, call: ModelCall, response: ModelResponse, *, streamed: bool
) -> None:
    """Say in a request's span what came back; what was sent and said only where that is asked for.

    Args:
        span: The span.
        call: The request.
        response: The response.
        streamed: Whether it came in pieces.
    """
    span.set(
        {conventions.RESPONSE_MODEL: response.model_name, conventions.REQUEST_STREAM: streamed}
    )
    if captures_content():
        span.set(
            {
                conventions.INPUT_MESSAGES: _as_text(call.messages),
                conventions.OUTPUT_MESSAGES: _as_text([response]),
            }
        )


def _as_text(messages: Sequence[ModelMessage]) -> str:
    """Return messages as the conventions' JSON, without secrets."""
    try:
        converted = InstrumentationSettings().messages_to_otel_messages([*messages])
        text = json.dumps(converted, ensure_ascii=False, default=str)
    except Exception as error:  # noqa: BLE001 -- the request is answered, whoever reads of it
        log.warning("messages were not recorded", error=repr(error))
        return ""
    return without_secrets(text)
