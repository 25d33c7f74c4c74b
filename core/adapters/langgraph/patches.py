"""Patches of LangChain's chat models and tools, whose calls become steps where there is a run."""

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
    ToolMessage,
    messages_from_dict,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import BaseTool
from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from perdure.adapters.conversion.model_requests import (
    ModelAnswer,
    SentResult,
    Thinking,
    tool_call,
)
from perdure.adapters.langgraph.calls import GraphCalls, current_calls

Generate = Callable[..., Awaitable[ChatResult]]

_MAX_TOKENS: Final = {
    "google_genai": "max_output_tokens",
    "google_vertexai": "max_output_tokens",
    "ollama": "num_predict",
}
_INSTALLED: Final[list[bool]] = []


def install_patches() -> None:
    """Replace LangChain's entry points, once.

    Raises:
        ImportError: The installed langchain-core has others.
    """
    if _INSTALLED:
        return
    for owner, name, patch in (
        (BaseChatModel, "_agenerate_with_cache", _patch_agenerate),
        (BaseChatModel, "_generate_with_cache", _patch_generate),
        (BaseChatModel, "astream", _patch_astream),
        (BaseChatModel, "stream", _patch_stream),
        (BaseTool, "arun", _patch_arun),
        (BaseTool, "run", _patch_run),
    ):
        original = owner.__dict__.get(name)
        if original is None:
            raise ImportError(f"the installed langchain-core has no {owner.__name__}.{name}")
        setattr(owner, name, patch(original))
    _INSTALLED.append(True)


@dataclass
class _ChatRequest:
    """A request of a chat model, as the run sends it."""

    model: str
    provider: str
    url: str | None
    payload: JsonValue
    max_tokens: int | None
    results: Sequence[SentResult]
    generate: Generate
    manager: Any
    arguments: dict[str, Any]

    async def stream(self, max_tokens: int | None) -> AsyncIterator[str | Thinking | ModelAnswer]:
        """Ask, and yield what comes, if the model streams, and the whole answer."""
        pieces: asyncio.Queue[str | Thinking] = asyncio.Queue()
        manager = self.manager
        if manager is not None:
            manager = copy.copy(manager)
            manager.handlers = [*manager.handlers, _TokenCallback(pieces)]
        generating = asyncio.ensure_future(self._generate(manager, max_tokens))
        next_piece = asyncio.ensure_future(pieces.get())
        try:
            while not generating.done() or next_piece.done() or not pieces.empty():
                await asyncio.wait([generating, next_piece], return_when=asyncio.FIRST_COMPLETED)
                if next_piece.done():
                    piece = next_piece.result()
                    next_piece = asyncio.ensure_future(pieces.get())
                    yield piece
            yield _model_answer(await generating)
        finally:
            next_piece.cancel()
            generating.cancel()

    async def ask(self, max_tokens: int | None) -> ModelAnswer:
        """Ask without a handler that streams."""
        return _model_answer(await self._generate(self.manager, max_tokens))

    async def _generate(self, manager: Any, max_tokens: int | None) -> ChatResult:
        arguments = dict(self.arguments)
        if max_tokens is not None:
            arguments[_MAX_TOKENS.get(self.provider, "max_tokens")] = max_tokens
        return await self.generate(run_manager=manager, **arguments)


class _TokenCallback(BaseCallbackHandler):
    """Collects what a model says as it comes; LangChain streams where a handler does."""

    run_inline = True

    def __init__(self, pieces: "asyncio.Queue[str | Thinking]") -> None:
        self._pieces = pieces
        self._loop = asyncio.get_running_loop()

    def on_llm_new_token(
        self,
        token: str | list[str | dict[str, Any]],
        *,
        chunk: object = None,
        **_: Any,
    ) -> None:
        text, thinking = token if isinstance(token, str) else "", ""
        if isinstance(chunk, ChatGenerationChunk):
            text, thinking = str(chunk.message.text), _thinking_in(chunk.message)
        if thinking:
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, Thinking(thinking))
        if text:
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, text)

    def tap_output_aiter(self, _: UUID, output: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Make LangChain take this for a handler that streams."""
        return output

    def tap_output_iter(self, _: UUID, output: Iterator[Any]) -> Iterator[Any]:
        """Do the same for a model that is not async."""
        return output


def _chat_request(
    model: BaseChatModel,
    messages: list[BaseMessage],
    stop: list[str] | None,
    manager: object,
    generate: Generate,
    kwargs: dict[str, Any],
) -> _ChatRequest:
    about = model._get_ls_params(stop=stop, **kwargs)  # noqa: SLF001 -- what LangChain traces
    parameters = model._get_invocation_params(stop=stop, **kwargs)  # noqa: SLF001
    plain = [{**_dump_message(message)["data"], "id": None} for message in messages]
    payload: JsonValue = to_jsonable_python(
        [plain, {name: parameters[name] for name in sorted(parameters)}],
        fallback=lambda other: getattr(other, "__qualname__", type(other).__qualname__),
    )
    return _ChatRequest(
        model=str(about.get("ls_model_name") or type(model).__name__),
        provider=str(about.get("ls_provider") or model._llm_type),  # noqa: SLF001
        url=_url_of(model),
        payload=payload,
        max_tokens=about.get("ls_max_tokens"),
        results=[
            SentResult(message.tool_call_id, str(message.text), message.status == "error")
            for message in messages
            if isinstance(message, ToolMessage)
        ],
        generate=generate,
        manager=manager,
        arguments={"messages": messages, "stop": stop, **kwargs},
    )


def _patch_agenerate(original: Generate) -> Generate:
    @wraps(original)
    async def generate(
        self: BaseChatModel,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        calls = current_calls()
        if calls is None:
            return await original(self, messages, stop=stop, run_manager=run_manager, **kwargs)
        send = partial(original, _with_usage(self))
        return await _ask(calls, _chat_request(self, messages, stop, run_manager, send, kwargs))

    return generate


def _patch_generate(original: Callable[..., ChatResult]) -> Callable[..., ChatResult]:
    @wraps(original)
    def generate(
        self: BaseChatModel,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        calls = current_calls()
        if calls is None:
            return original(self, messages, stop=stop, run_manager=run_manager, **kwargs)
        send = partial(asyncio.to_thread, original, _with_usage(self))
        request = _chat_request(self, messages, stop, run_manager, send, kwargs)
        return calls.run_from_thread(type(self).__name__, partial(_ask, calls, request))

    return generate


def _patch_astream(original: Callable[..., AsyncIterator[AIMessageChunk]]) -> Callable[..., Any]:
    @wraps(original)
    async def stream(
        self: BaseChatModel, *args: Any, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:
        if current_calls() is None:
            async for piece in original(self, *args, **kwargs):
                yield piece
        else:
            yield _as_chunk(await self.ainvoke(*args, **kwargs))

    return stream


def _patch_stream(original: Callable[..., Iterator[AIMessageChunk]]) -> Callable[..., Any]:
    @wraps(original)
    def stream(self: BaseChatModel, *args: Any, **kwargs: Any) -> Iterator[AIMessageChunk]:
        if current_calls() is None:
            yield from original(self, *args, **kwargs)
        else:
            yield _as_chunk(self.invoke(*args, **kwargs))

    return stream


def _patch_arun(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(original)
    async def run(self: BaseTool, tool_input: Any, *args: Any, **kwargs: Any) -> Any:
        calls = current_calls()
        call = partial(original, self, tool_input, *args, **kwargs)
        if calls is None:
            return await call()
        return await calls.call_tool(self.name, tool_input, kwargs.get("tool_call_id"), call)

    return run


def _patch_run(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def run(self: BaseTool, tool_input: Any, *args: Any, **kwargs: Any) -> Any:
        calls = current_calls()
        call = partial(original, self, tool_input, *args, **kwargs)
        if calls is None:
            return call()
        call_id = kwargs.get("tool_call_id")
        in_thread = partial(asyncio.to_thread, call)
        call_tool = partial(calls.call_tool, self.name, tool_input, call_id, in_thread)
        return calls.run_from_thread(self.name, call_tool)

    return run


async def _ask(calls: GraphCalls, request: _ChatRequest) -> ChatResult:
    return _load_result(await calls.call_model(request))


def _thinking_in(message: BaseMessage) -> str:
    """Return the thinking in a piece of an answer, which each vendor's class writes otherwise."""
    blocks = message.content_blocks
    return "".join(str(block.get("reasoning", "")) for block in blocks)


def _with_usage(model: BaseChatModel) -> BaseChatModel:
    """Return a model that counts tokens when it streams, unless its author has decided."""
    # OpenAI's chat protocol only does when asked, and LangChain asks OpenAI itself alone.
    if getattr(model, "stream_usage", True) is None:
        return model.model_copy(update={"stream_usage": True})
    return model


def _model_answer(result: ChatResult) -> ModelAnswer:
    messages = [generation.message for generation in result.generations]
    first = messages[0]
    counted = getattr(first, "usage_metadata", None) or {}
    called = first.tool_calls if isinstance(first, AIMessage) else []
    content: JsonValue = to_jsonable_python(
        {
            "messages": [_dump_message(message) for message in messages],
            "about": [generation.generation_info for generation in result.generations],
            "output": result.llm_output,
        },
        fallback=str,
    )
    return ModelAnswer(
        content=content,
        text=str(first.text),
        tool_calls=tuple(
            tool_call(call["name"], call["id"] or "", call["args"]) for call in called
        ),
        input_tokens=counted.get("input_tokens", 0),
        output_tokens=counted.get("output_tokens", 0),
    )


def _dump_message(message: BaseMessage) -> dict[str, Any]:
    # As messages_from_dict reads it; without a warning of what libraries add.
    return {"type": message.type, "data": message.model_dump(warnings=False)}


def _load_result(content: JsonValue) -> ChatResult:
    saved = cast("dict[str, Any]", content)
    messages: Sequence[BaseMessage] = messages_from_dict(saved["messages"])
    return ChatResult(
        generations=[
            ChatGeneration(message=message, generation_info=about)
            for message, about in zip(messages, saved["about"], strict=True)
        ],
        llm_output=saved["output"],
    )


def _as_chunk(message: BaseMessage) -> AIMessageChunk:
    fields = message.model_dump(exclude={"type"})
    return AIMessageChunk(**fields, chunk_position="last")


def _url_of(model: BaseChatModel) -> str | None:
    for name in ("openai_api_base", "anthropic_api_url", "base_url"):
        url: object = getattr(model, name, None)
        if isinstance(url, str):
            return url
    return None
