"""The requests to a model: for a word, for a call of a tool, for a stream."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, cast

from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from perdure.agents.model_calls.responses import text_in
from perdure.agents.model_calls.streaming import refuses_streams
from perdure.agents.steps.errors import failure_from
from perdure.models import Check, FailureKind
from perdure.redaction import message_without_secrets

# For each request: a model on somebody's own machine may have to be loaded before the first.
LIMIT_SECONDS: Final = 30.0
# Enough for a model that thinks before it says its word.
_MOST_TOKENS: Final = 2_000
_SHOWN_CHARACTERS: Final = 60
_BY_RULES: Final = "agents do without it what needs tools; name another model"
_SENT_WHOLE: Final = (
    "it sends its answer at once: those who follow a goal see it when it is complete"
)

_REFUSALS: Final = frozenset({400, 404, 422, 500, 501})

_ADD: Final = ToolDefinition(
    name="add",
    description="Adds two whole numbers.",
    parameters_json_schema={
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one request.

    Attributes:
        found: Whether the model can do it.
        shown: What it did, in a few words.
        advice: Why it cannot, and what follows or is to be done.
    """

    found: bool
    shown: str = ""
    advice: str = ""


async def ask(model: Model, name: str) -> list[Check]:
    """Ask a model for a word, a call of a tool and a stream, 30 seconds each at most.

    Args:
        model: The model; its requests are not retried.
        name: Its name, as it is configured.

    Returns:
        One check for each, with its seconds as its version; of a model that cannot be asked at all,
        only the first.
    """
    word = await _check(f"{name}: a word", model, _word, required=True)
    if not word.found:
        return [word]
    return [
        word,
        await _check(f"{name}: a call of a tool", model, _tool_call, required=False),
        await _check(f"{name}: a stream", model, _stream, required=False),
    ]


async def _check(
    part: str, model: Model, request: Callable[[Model], Awaitable[Finding]], *, required: bool
) -> Check:
    started = time.monotonic()
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            finding = await request(model)
    except TimeoutError:
        finding = Finding(
            False,
            advice=f"it did not answer in {LIMIT_SECONDS:g} s: try again, as its server may have"
            " been loading it, or name a smaller one",
        )
    except Exception as error:  # noqa: BLE001 -- whatever it raises is what is wrong
        finding = Finding(False, advice=_explain(error, model))
    seconds = f"{time.monotonic() - started:.1f} s"
    return Check(
        part=part,
        found=finding.found,
        version=seconds if finding.found else "",
        where=message_without_secrets(finding.shown),
        advice=message_without_secrets(finding.advice),
        required=required,
    )


async def _word(model: Model) -> Finding:
    response = await _request(model, "Answer with one word: ready", ModelRequestParameters())
    text = _text_of(response)
    if not text:
        return Finding(False, advice="it answered without any text: name another model")
    return Finding(True, _quoted(text))


async def _tool_call(model: Model) -> Finding:
    parameters = ModelRequestParameters(function_tools=[_ADD])
    try:
        response = await _request(model, "Add 2 and 3 with the tool add.", parameters)
    except Exception as error:
        if _refuses_tools(error):
            return Finding(False, advice=f"it takes no tools: {_BY_RULES}")
        raise
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    if not calls:
        return Finding(
            False,
            _quoted(_text_of(response)),
            f"it answers in words where a tool is to be called: {_BY_RULES}",
        )
    shown = _quoted(f"{calls[0].tool_name}({calls[0].args_as_json_str()})", mark="")
    if calls[0].tool_name == _ADD.name and _numbers(calls[0]) == (2, 3):
        return Finding(True, shown)
    return Finding(False, shown, "it calls tools with wrong names or arguments: name a larger one")


async def _stream(model: Model) -> Finding:
    pieces: list[str] = []
    try:
        async with model.request_stream(
            _prompt("Count from one to twenty in words."),
            _settings(model),
            ModelRequestParameters(),
        ) as stream:
            pieces += [piece async for event in stream if (piece := text_in(event))]
    except Exception as error:
        if refuses_streams(error, is_proven=False):
            return Finding(False, advice=_SENT_WHOLE)
        raise
    if len(pieces) < 2:
        return Finding(False, _quoted("".join(pieces)), _SENT_WHOLE)
    return Finding(True, f"{_quoted(''.join(pieces))} in {len(pieces)} pieces")


async def _request(model: Model, prompt: str, parameters: ModelRequestParameters) -> ModelResponse:
    return await model.request(_prompt(prompt), _settings(model), parameters)


def _prompt(text: str) -> list[ModelMessage]:
    return [ModelRequest.user_text_prompt(text)]


def _settings(model: Model) -> ModelSettings:
    settings: dict[str, object] = {"max_tokens": _MOST_TOKENS}
    if "max_retries" not in model.unsupported_settings:
        settings["max_retries"] = 0
    return cast("ModelSettings", settings)


def _refuses_tools(error: Exception) -> bool:
    """Return whether a request failed because it brought a tool."""
    failure = failure_from(error)
    return failure.status in _REFUSALS and "tool" in failure.message.lower()


def _text_of(response: ModelResponse) -> str:
    texts = [part.content for part in response.parts if isinstance(part, TextPart)]
    return " ".join("".join(texts).split())


def _quoted(text: str, mark: str = '"') -> str:
    cut = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
    return f"{mark}{cut}{mark}" if cut else ""


def _numbers(call: ToolCallPart) -> tuple[object, object] | None:
    try:
        arguments = call.args_as_dict()
    except ValueError:
        return None
    return arguments.get("a"), arguments.get("b")


def _explain(error: Exception, model: Model) -> str:
    """Return in a sentence what is wrong, and what to do about it."""
    failure, where = failure_from(error), model.base_url or model.system
    if failure.status == 404:
        return (
            f"{where} knows no model {model.model_name!r} (HTTP 404): name one that it has, or"
            f" correct the address; it said: {failure.message}"
        )
    if failure.kind is FailureKind.THROTTLED:
        wait = f" for {failure.retry_after:g} s" if failure.retry_after else ""
        return f"{where} asks to wait{wait}: try again then; it said: {failure.message}"
    if failure.kind is FailureKind.TRANSIENT and failure.status is None:
        return (
            f"{where} cannot be reached, or says what cannot be read ({failure.message}): see that"
            " the address is right, and that the network and the server are up"
        )
    return failure.message
