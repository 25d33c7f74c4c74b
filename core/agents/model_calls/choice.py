"""Which model a run asks, made durable; pydantic-ai takes half a second and loads on first use."""

import asyncio
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from perdure.agents.steps.errors import PermanentError

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from perdure.agents.model_calls.budget import BudgetGuard
    from perdure.agents.model_calls.durable_model import DurableModel, ResponseCache
    from perdure.agents.steps.journal import EventEmitter, Ledger
    from perdure.agents.steps.steps import Steps

# A model's connections belong to the event loop that opened them, and serve every run on it.
_SHARED: Final["WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Model]]"] = (
    WeakKeyDictionary()
)


async def import_model(name: str) -> None:
    """Make a named model in a thread: what it imports takes up to two seconds, once a process.

    Where that fails nothing is said: :func:`durable_model` does, to whoever asks for the model.
    """
    models = _SHARED.setdefault(asyncio.get_running_loop(), {})
    if name and name not in models:
        with suppress(Exception):
            models[name] = await asyncio.to_thread(_made, name)


def durable_model(
    chosen: "Model | str | None",
    steps: "Steps",
    ledger: "Ledger | BudgetGuard",
    listener: "EventEmitter",
    *,
    cache: "ResponseCache | None" = None,
) -> "DurableModel":
    """Return a model whose requests are journaled steps of a run.

    Args:
        chosen: A name that pydantic-ai knows, such as ``openai:gpt-4o-mini``, or a model of its
            own; what ``PERDURE_MODEL`` says, which may be nothing.
        steps: The run's journal.
        ledger: What the run spends: one :class:`~perdure.agents.model_calls.budget.BudgetGuard` for all the models of
            a run.
        listener: Who is told of text, tool calls and usage.
        cache: Answers of other runs.

    Raises:
        PermanentError: None is named, pydantic-ai is not installed, or the model cannot be used,
            such as without a key.
    """
    if chosen is None or chosen == "":
        raise PermanentError(
            "no model is named: set PERDURE_MODEL, such as to openai:gpt-4o-mini, and the"
            " provider's key"
        )
    try:
        from perdure.agents.model_calls.durable_model import DurableModel
    except ImportError as error:
        raise PermanentError(
            f"models need pydantic-ai, which cannot be loaded ({error}): run"
            " pip install 'perdure[models]'"
        ) from error
    named = isinstance(chosen, str)
    wrapped = _shared(chosen) if isinstance(chosen, str) else chosen
    return DurableModel(wrapped, steps, ledger, listener, cache=cache, shared=named)


def _shared(name: str) -> "Model":
    models = _SHARED.setdefault(asyncio.get_running_loop(), {})
    if name not in models:
        try:
            models[name] = _made(name)
        except Exception as error:
            raise PermanentError(
                f"model {name!r} cannot be used ({error}): name one as provider:model, install"
                " its provider's extra of pydantic-ai-slim, and set the provider's key"
            ) from error
    return models[name]


def _made(name: str) -> "Model":
    from pydantic_ai.models import infer_model

    import_module("perdure.agents.model_calls.durable_model")
    return infer_model(name)
