"""LangChain's entry points to chat models and tools, led through the run where there is one."""

import asyncio
import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, Final, cast
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    messages_from_dict,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import BaseTool
from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from perdure.adapters.asking import Answered
from perdure.adapters.langgraph_calls import Calls, calls_now

Generate = Callable[..., Awaitable[ChatResult]]

_MAX_TOKENS: Final = {
    "google_genai": "max_output_tokens",
    "google_vertexai": "max_output_tokens",
    "ollama": "num_predict",
}
_INSTALLED: Final[list[bool]] = []


def install() -> None:
    """Replace LangChain's entry points, once.

    Raises:
        ImportError: The installed langchain-core has others.
    """
    if _INSTALLED:
        return
    for owner, name, made in (
        (BaseChatModel, "_agenerate_with_cache", _agenerate),
        (BaseChatModel, "_generate_with_cache", _generate),
        (BaseChatModel, "astream", _astream),
        (BaseChatModel, "stream", _stream),
        (BaseTool, "arun", _arun),
        (BaseTool, "run", _run),
    ):
        original = owner.__dict__.get(name)
        if original is None:
            raise ImportError(f"the installed langchain-core has no {owner.__name__}.{name}")
        setattr(owner, name, made(original))
    _INSTALLED.append(True)


@dataclass
class _Request:
    """A request of a chat model, as it is asked by the run."""

    model: str
    provider: str
    url: str | None
    shown: JsonValue
    max_tokens: int | None
    generate: Generate
    manager: Any
    arguments: dict[str, Any]

    async def send(self, max_tokens: int | None) -> AsyncIterator[str | Answered]:
        """Ask, and yield the text as it comes, if the model streams, and the whole answer."""
        arguments = dict(self.arguments)
        if max_tokens is not None:
            arguments[_MAX_TOKENS.get(self.provider, "max_tokens")] = max_tokens
        told: asyncio.Queue[str] = asyncio.Queue()
        manager = self.manager
        if manager is not None:
            manager = copy.copy(manager)
            manager.handlers = [*manager.handlers, _Tokens(told)]
        asking = asyncio.ensure_future(self.generate(run_manager=manager, **arguments))
        hearing = asyncio.ensure_future(told.get())
        try:
            while not asking.done() or hearing.done() or not told.empty():
                await asyncio.wait([asking, hearing], return_when=asyncio.FIRST_COMPLETED)
                if hearing.done():
                    piece = hearing.result()
                    hearing = asyncio.ensure_future(told.get())
                    yield piece
            yield _answered(await asking)
        finally:
            hearing.cancel()
            asking.cancel()


class _Tokens(BaseCallbackHandler):
    """Hears a model's text as it comes; LangChain streams where somebody hears."""

    run_inline = True

    def __init__(self, told: "asyncio.Queue[str]") -> None:
        self._told = told
        self._loop = asyncio.get_running_loop()

    def on_llm_new_token(
        self,
        token: str | list[str | dict[str, Any]],
        *,
        chunk: object = None,
        **_: Any,
    ) -> None:
        text = token if isinstance(token, str) else ""
        if isinstance(chunk, ChatGenerationChunk):
            text = str(chunk.message.text)
        if text:
            self._loop.call_soon_threadsafe(self._told.put_nowait, text)

    def tap_output_aiter(self, _: UUID, output: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Make LangChain take this for a handler that streams."""
        return output

    def tap_output_iter(self, _: UUID, output: Iterator[Any]) -> Iterator[Any]:
        """Do the same."""
        return output


def _request(
    model: BaseChatModel,
    messages: list[BaseMessage],
    stop: list[str] | None,
    manager: object,
    generate: Generate,
    given: dict[str, Any],
) -> _Request:
    about = model._get_ls_params(stop=stop, **given)  # noqa: SLF001 -- what LangChain traces
    parameters = model._get_invocation_params(stop=stop, **given)  # noqa: SLF001
    said = [{**_dumped(message)["data"], "id": None} for message in messages]
    shown: JsonValue = to_jsonable_python(
        [said, {name: parameters[name] for name in sorted(parameters)}],
        fallback=lambda other: getattr(other, "__qualname__", type(other).__qualname__),
    )
    return _Request(
        model=str(about.get("ls_model_name") or type(model).__name__),
        provider=str(about.get("ls_provider") or model._llm_type),  # noqa: SLF001
        url=_url_of(model),
        shown=shown,
        max_tokens=about.get("ls_max_tokens"),
        generate=generate,
        manager=manager,
        arguments={"messages": messages, "stop": stop, **given},
    )


def _agenerate(original: Generate) -> Generate:
    @wraps(original)
    async def generate(
        self: BaseChatModel,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **given: Any,
    ) -> ChatResult:
        calls = calls_now()
        if calls is None:
            return await original(self, messages, stop=stop, run_manager=run_manager, **given)
        asked = partial(original, _counting(self))
        return await _answer(calls, _request(self, messages, stop, run_manager, asked, given))

    return generate


def _generate(original: Callable[..., ChatResult]) -> Callable[..., ChatResult]:
    @wraps(original)
    def generate(
        self: BaseChatModel,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **given: Any,
    ) -> ChatResult:
        calls = calls_now()
        if calls is None:
            return original(self, messages, stop=stop, run_manager=run_manager, **given)
        asked = partial(asyncio.to_thread, original, _counting(self))
        request = _request(self, messages, stop, run_manager, asked, given)
        return calls.across(type(self).__name__, partial(_answer, calls, request))

    return generate


def _astream(original: Callable[..., AsyncIterator[AIMessageChunk]]) -> Callable[..., Any]:
    @wraps(original)
    async def stream(
        self: BaseChatModel, *given: Any, **named: Any
    ) -> AsyncIterator[AIMessageChunk]:
        if calls_now() is None:
            async for piece in original(self, *given, **named):
                yield piece
        else:
            yield _whole(await self.ainvoke(*given, **named))

    return stream


def _stream(original: Callable[..., Iterator[AIMessageChunk]]) -> Callable[..., Any]:
    @wraps(original)
    def stream(self: BaseChatModel, *given: Any, **named: Any) -> Iterator[AIMessageChunk]:
        if calls_now() is None:
            yield from original(self, *given, **named)
        else:
            yield _whole(self.invoke(*given, **named))

    return stream


def _arun(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(original)
    async def run(self: BaseTool, tool_input: Any, *given: Any, **named: Any) -> Any:
        calls = calls_now()
        call = partial(original, self, tool_input, *given, **named)
        if calls is None:
            return await call()
        return await calls.tool(self.name, tool_input, named.get("tool_call_id"), call)

    return run


def _run(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def run(self: BaseTool, tool_input: Any, *given: Any, **named: Any) -> Any:
        calls = calls_now()
        call = partial(original, self, tool_input, *given, **named)
        if calls is None:
            return call()
        call_id = named.get("tool_call_id")
        threaded = partial(asyncio.to_thread, call)
        made = partial(calls.tool, self.name, tool_input, call_id, threaded)
        return calls.across(self.name, made)

    return run


async def _answer(calls: Calls, request: _Request) -> ChatResult:
    return _restored(await calls.model(request))


def _counting(model: BaseChatModel) -> BaseChatModel:
    """Return a model that counts tokens when it streams, unless its author has decided."""
    # OpenAI's chat protocol only does when asked, and LangChain asks OpenAI itself alone.
    if getattr(model, "stream_usage", True) is None:
        return model.model_copy(update={"stream_usage": True})
    return model


def _answered(result: ChatResult) -> Answered:
    messages = [generation.message for generation in result.generations]
    first = messages[0]
    counted = getattr(first, "usage_metadata", None) or {}
    called = first.tool_calls if isinstance(first, AIMessage) else []
    content: JsonValue = to_jsonable_python(
        {
            "messages": [_dumped(message) for message in messages],
            "about": [generation.generation_info for generation in result.generations],
            "output": result.llm_output,
        },
        fallback=str,
    )
    return Answered(
        content=content,
        text=str(first.text),
        tools=tuple((call["name"], call["id"] or "") for call in called),
        input_tokens=counted.get("input_tokens", 0),
        output_tokens=counted.get("output_tokens", 0),
    )


def _dumped(message: BaseMessage) -> dict[str, Any]:
    # As messages_from_dict reads it; without a warning of what libraries add.
    return {"type": message.type, "data": message.model_dump(warnings=False)}


def _restored(content: JsonValue) -> ChatResult:
    said = cast("dict[str, Any]", content)
    messages: Sequence[BaseMessage] = messages_from_dict(said["messages"])
    return ChatResult(
        generations=[
            ChatGeneration(message=message, generation_info=about)
            for message, about in zip(messages, said["about"], strict=True)
        ],
        llm_output=said["output"],
    )


def _whole(message: BaseMessage) -> AIMessageChunk:
    said = message.model_dump(exclude={"type"})
    return AIMessageChunk(**said, chunk_position="last")


def _url_of(model: BaseChatModel) -> str | None:
    for name in ("openai_api_base", "anthropic_api_url", "base_url"):
        url: object = getattr(model, name, None)
        if isinstance(url, str):
            return url
    return None
