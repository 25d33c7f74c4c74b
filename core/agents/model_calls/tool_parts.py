"""The parts of pydantic-ai's messages that call tools, and that hold what came back."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pydantic_ai.messages import (
    BinaryContent,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models import ModelRequestParameters


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call of a tool.

    Attributes:
        tool: The tool's name.
        call_id: What identifies the call.
        text: What it returned, or why it failed.
        failed: Whether it failed, or is to be called otherwise.
        at: When it ended, in UTC.
    """

    tool: str
    call_id: str
    text: str
    failed: bool
    at: datetime


def calls_in(response: ModelResponse, parameters: ModelRequestParameters) -> list[ToolCallPart]:
    """Return the calls of tools in a response, without those that are its output."""
    outputs = {tool.name for tool in parameters.output_tools}
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    return [call for call in calls if call.tool_name not in outputs]


def arguments_of(call: ToolCallPart) -> object:
    """Return the arguments of a call; the text that they are where it is no JSON object."""
    try:
        return call.args_as_dict(raise_if_invalid=True)
    except (ValueError, AssertionError):
        return call.args


def tool_results_in(messages: list[ModelMessage]) -> Iterator[ToolResult]:
    """Yield the results that a request sends for the first time: those after the last response."""
    requests: list[ModelRequest] = []
    for message in reversed(messages):
        if not isinstance(message, ModelRequest):
            break
        requests.insert(0, message)
    for part in (part for request in requests for part in request.parts):
        if isinstance(part, ToolReturnPart):
            failed = part.outcome != "success"
            yield ToolResult(
                part.tool_name, part.tool_call_id, _result_text(part), failed, part.timestamp
            )


def returned_text(tool: str, value: object) -> str:
    """Return what a tool returned as the text that its model is sent, files by type and size."""
    return _result_text(ToolReturnPart(tool, value, tool_call_id=""))


def _result_text(part: ToolReturnPart) -> str:
    if part.content is None:
        return "null"
    text = part.model_response_str(wrap_if_error=False)
    files = [_file_text(file) for file in part.files]
    return "\n".join([text, *files] if text else files) if files else text


def _file_text(file: object) -> str:
    if isinstance(file, BinaryContent):
        return f"[{file.media_type}, {len(file.data):,} bytes]"
    return f"[{getattr(file, 'url', type(file).__name__)}]"
