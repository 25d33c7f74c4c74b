"""Which requests are the same request in a later execution, and in another run."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic_ai import BinaryContent
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.usage import RequestUsage

from perdure.agents.model_calls.request_digest import request_digest

TOOL = ToolDefinition(
    name="find", description="Finds.", parameters_json_schema={"type": "object", "properties": {}}
)
PARAMETERS = ModelRequestParameters(function_tools=[TOOL])


def conversation(call: str, moment: datetime, *, text: str = "Hi") -> list[ModelMessage]:
    return [
        ModelRequest(
            parts=[
                SystemPromptPart("Be brief.", timestamp=moment),
                UserPromptPart([text, BinaryContent(b"\x00", media_type="a/b")], timestamp=moment),
            ],
            timestamp=moment,
            run_id=call,
            conversation_id=call,
        ),
        ModelResponse(
            parts=[
                TextPart("Well,", id=call),
                ToolCallPart("find", {"what": {"b": 1, "a": 2}}, tool_call_id=call),
                ToolCallPart("find", '{"what": 2}', tool_call_id=f"{call}-2"),
            ],
            timestamp=moment,
            usage=RequestUsage(input_tokens=len(call)),
            provider_response_id=call,
            provider_details={"timestamp": moment},
            run_id=call,
        ),
        ModelRequest(
            parts=[
                ToolReturnPart("find", {"at": {3, 1, 2}}, call, timestamp=moment),
                ToolReturnPart("find", "no", f"{call}-2", outcome="retried", timestamp=moment),
            ]
        ),
    ]


def digest(
    messages: list[ModelMessage],
    settings: dict[str, object] | None = None,
    parameters: ModelRequestParameters = PARAMETERS,
    model: str = "openai:m",
) -> str:
    return request_digest(model, messages, settings, parameters)


EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
FIRST = conversation("a", EARLY)


def test_what_no_model_sees_does_not_matter() -> None:
    assert digest(FIRST) == digest(conversation("another", LATE))
    settings = {"timeout": 3, "extra_headers": {"x-request": "1"}, "max_retries": 9}
    assert digest(FIRST, settings) == digest(FIRST) == digest(FIRST, {})


def test_which_call_an_answer_belongs_to_matters() -> None:
    swapped = conversation("a", EARLY)
    for part, call in zip(swapped[2].parts, ("a-2", "a"), strict=True):
        part.tool_call_id = call  # type: ignore[union-attr]
    assert digest(swapped) != digest(FIRST)


@pytest.mark.parametrize(
    "other",
    [
        digest(conversation("a", EARLY, text="Ho")),
        digest(FIRST[:2]),
        digest(FIRST, {"temperature": 0.5}),
        digest(FIRST, model="openai:n"),
        digest(FIRST, parameters=ModelRequestParameters()),
        digest(FIRST, parameters=replace(PARAMETERS, allow_text_output=False)),
        digest(
            FIRST, parameters=replace(PARAMETERS, function_tools=[replace(TOOL, description="F")])
        ),
    ],
)
def test_what_a_model_sees_matters(other: str) -> None:
    assert other != digest(FIRST)


def test_a_request_stays_the_same_from_version_to_version() -> None:
    """A changed digest makes goals under way pay for every answer again: change it knowingly."""
    plain: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart("Hi", timestamp=EARLY)])]
    assert digest(plain, {"temperature": 0}, ModelRequestParameters()) == (
        "8ac14254801b8e630c3328d5fb9d9ea885de1943c66024936fdf6ef4318c9afa"
    )


def test_what_has_no_json_form_is_known_by_its_kind() -> None:
    assert digest(FIRST, {"logit_bias": object()}) == digest(FIRST, {"logit_bias": object()})
