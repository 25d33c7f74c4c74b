"""Model responses: their JSON text, usage, price, text events, and whether they are complete."""

import json
from math import ceil
from typing import Final

from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPartDelta,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.usage import RequestUsage
from pydantic_core import PydanticSerializationError

from perdure.models import Usage
from perdure.models.texts import join_all_surrogates

# A token of English text is about four characters; only the provider knows better.
CHARACTERS_A_TOKEN: Final = 4


def encode_response(response: ModelResponse) -> str:
    """Return a response as JSON text, with whole characters where it was sent halves."""
    try:
        return ModelMessagesTypeAdapter.dump_json([response]).decode()
    except PydanticSerializationError:
        plain = ModelMessagesTypeAdapter.dump_python([response], mode="json")
        return json.dumps(join_all_surrogates(plain), ensure_ascii=False)


def decode_response(text: str) -> ModelResponse:
    """Return a response from the JSON text that :func:`encode_response` made.

    Raises:
        ValueError: The text is none.
    """
    messages = ModelMessagesTypeAdapter.validate_json(text)
    if len(messages) != 1 or not isinstance(messages[0], ModelResponse):
        raise ValueError("the journal holds no model response for this request")
    return messages[0]


def usage_of(response: ModelResponse) -> Usage:
    """Return what a response has used, as its provider reports it, and its price if known."""
    reported = response.usage
    try:
        cost = float(response.cost().total_price)
    except Exception:  # noqa: BLE001 -- an unknown price must not lose a paid response
        cost = 0.0
    return Usage(
        input_tokens=reported.input_tokens, output_tokens=reported.output_tokens, cost=cost
    )


def price(
    model: str, provider: str, url: str | None, input_tokens: int, output_tokens: int
) -> float:
    """Return the dollars for so many tokens; 0.0 for a model whose price is not known."""
    usage = RequestUsage(input_tokens=input_tokens, output_tokens=output_tokens)
    response = ModelResponse(
        parts=[], usage=usage, model_name=model, provider_name=provider, provider_url=url
    )
    return usage_of(response).cost


def estimate_input_tokens(messages: list[ModelMessage], parameters: ModelRequestParameters) -> int:
    """Estimate how many tokens a request sends: a quarter of its characters, rounded up."""
    characters = sum(len(str(part)) for message in messages for part in _contents(message))
    tools = [*parameters.function_tools, *parameters.output_tools]
    characters += sum(
        len(tool.name) + len(tool.description or "") + len(str(tool.parameters_json_schema))
        for tool in tools
    )
    return ceil(characters / CHARACTERS_A_TOKEN)


def _contents(message: ModelMessage) -> list[object]:
    contents: list[object] = [getattr(message, "instructions", None) or ""]
    for part in message.parts:
        contents.append(getattr(part, "content", ""))
        contents.append(getattr(part, "args", ""))
    return contents


def text_in(event: object) -> str:
    """Return the piece of text in an event of a stream; empty when there is none."""
    if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
        return event.part.content
    if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
        return event.delta.content_delta
    return ""


def thinking_in(event: object) -> str:
    """Return the piece of thinking in an event of a stream; empty when there is none."""
    if isinstance(event, PartStartEvent) and isinstance(event.part, ThinkingPart):
        return event.part.content
    if isinstance(event, PartDeltaEvent) and isinstance(event.delta, ThinkingPartDelta):
        return event.delta.content_delta or ""
    return ""


def characters_in(event: object) -> int:
    """Return how many characters that are paid for are in an event of a stream."""
    if isinstance(event, PartStartEvent):
        return len(str(getattr(event.part, "content", None) or getattr(event.part, "args", "")))
    if not isinstance(event, PartDeltaEvent):
        return 0
    if isinstance(event.delta, ToolCallPartDelta):
        return len(str(event.delta.args_delta or ""))
    return len(str(getattr(event.delta, "content_delta", None) or ""))


def is_cut_off(response: ModelResponse) -> bool:
    """Return whether a stream ended before the response was complete.

    A connection that was closed half-way can look like the end of the response. Either the protocol
    has an event for the end, and it never came; or there is neither a finish reason nor a token
    count: a provider that does not send the one sends the other. A refusal is complete.
    """
    if response.state == "incomplete":
        return True
    if response.finish_reason == "content_filter":
        return False
    reason = (response.provider_details or {}).get("finish_reason")
    return reason is None and response.usage.output_tokens == 0
