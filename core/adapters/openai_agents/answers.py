"""Answers of the OpenAI Agents SDK's models, and the results of tools that its requests send."""

import json
from typing import Any, Final, cast

from agents import TResponseInputItem, Usage
from agents.items import TResponseOutputItem
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseUsage,
)
from pydantic import JsonValue, TypeAdapter

from perdure.adapters.conversion.model_requests import ModelAnswer, SentResult, tool_call

OUTPUT: Final[TypeAdapter[list[TResponseOutputItem]]] = TypeAdapter(list[TResponseOutputItem])


def model_answer(
    output: list[TResponseOutputItem], usage: ResponseUsage | None, response_id: str | None
) -> ModelAnswer:
    """Return an answer of the SDK as a run keeps it."""
    messages = [item for item in output if isinstance(item, ResponseOutputMessage)]
    texts = [getattr(part, "text", "") for message in messages for part in message.content]
    called = [item for item in output if isinstance(item, ResponseFunctionToolCall)]
    return ModelAnswer(
        content={
            "output": OUTPUT.dump_python(output, mode="json", exclude_unset=True),
            "usage": None if usage is None else usage.model_dump(mode="json"),
            "id": response_id,
        },
        text="".join(texts),
        tool_calls=tuple(tool_call(call.name, call.call_id, call.arguments) for call in called),
        input_tokens=0 if usage is None else usage.input_tokens,
        output_tokens=0 if usage is None else usage.output_tokens,
    )


def results_in(sdk_input: str | list[TResponseInputItem]) -> list[SentResult]:
    """Return what came of the calls of tools, as a request sends it."""
    items = [] if isinstance(sdk_input, str) else cast("list[dict[str, Any]]", sdk_input)
    return [
        SentResult(str(item.get("call_id")), item.get("output"))
        for item in items
        if item.get("type") == "function_call_output"
    ]


def response_usage(usage: Usage) -> ResponseUsage | None:
    """Return what an answer without a stream has used; ``None`` when its provider counts none."""
    if not usage.total_tokens:
        return None
    return ResponseUsage(
        input_tokens=usage.input_tokens,
        input_tokens_details=usage.input_tokens_details,
        output_tokens=usage.output_tokens,
        output_tokens_details=usage.output_tokens_details,
        total_tokens=usage.total_tokens,
    )


def parse_arguments(arguments: str) -> JsonValue:
    """Return the arguments of a call; as they are where they are no JSON."""
    try:
        parsed: JsonValue = json.loads(arguments)
    except ValueError:
        return arguments
    return parsed
