"""Creates the models of a run; pydantic-ai takes half a second to import, so on first use only."""

import asyncio
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from perdure.agents.steps.errors import PermanentError

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from perdure.agents.model_calls.budget import BudgetGuard
    from perdure.agents.model_calls.circuit_breaker import CircuitBreakers
    from perdure.agents.model_calls.durable_model import DurableModel, ResponseCache
    from perdure.agents.policy.gate import PolicyGate
    from perdure.agents.steps.journal import EventEmitter, Ledger
    from perdure.agents.steps.steps import Steps

# A model's connections belong to the event loop that opened them, and serve every run on it.
_MODELS: Final["WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Model]]"] = (
    WeakKeyDictionary()
)


async def import_model(name: str) -> None:
    """Create a model in a thread, as what it imports takes up to two seconds, once a process.

    An error is ignored here: :func:`durable_model` raises it to whoever asks for the model.
    """
    models = _MODELS.setdefault(asyncio.get_running_loop(), {})
    if name and name not in models:
        with suppress(Exception):
            models[name] = await asyncio.to_thread(_create_model, name)


def durable_model(
    model: "Model | str | None",
    steps: "Steps",
    ledger: "Ledger | BudgetGuard",
    emitter: "EventEmitter",
    *,
    cache: "ResponseCache | None" = None,
    breakers: "CircuitBreakers | None" = None,
    policy: "PolicyGate | None" = None,
) -> "DurableModel":
    """Return a model whose requests are journaled steps of a run.

    Args:
        model: A name that pydantic-ai knows, such as ``openai:gpt-4o-mini``, or one of its models;
            empty when ``PERDURE_MODEL`` is not set.
        steps: The run's steps.
        ledger: The run's ledger, or one :class:`~perdure.agents.model_calls.budget.BudgetGuard`
            that all models of the run share.
        emitter: Takes text, tool calls and usage.
        cache: The responses to other runs.
        breakers: One per provider; those of the process when not given.
        policy: Judges the requests, and the calls of tools in their responses.

    Raises:
        PermanentError: None is named, pydantic-ai is not installed, or the model cannot be used,
            such as without a key.
    """
    if model is None or model == "":
        raise PermanentError(
            "no model is named: set PERDURE_MODEL, such as to openai:gpt-4o-mini, and the"
            " provider's key"
        )
    try:
        from perdure.agents.model_calls.circuit_breaker import CIRCUIT_BREAKERS
        from perdure.agents.model_calls.durable_model import DurableModel
    except ImportError as error:
        raise PermanentError(
            f"models need pydantic-ai, which cannot be loaded ({error}): run"
            " pip install 'perdure[models]'"
        ) from error
    if isinstance(model, str):
        wrapped = _shared_model(model, steps.event_loop or asyncio.get_running_loop())
    else:
        wrapped = model
    is_shared = isinstance(model, str)
    return DurableModel(
        wrapped,
        steps,
        ledger,
        emitter,
        breakers=breakers or CIRCUIT_BREAKERS,
        cache=cache,
        shared=is_shared,
        policy=policy,
    )


def _shared_model(name: str, loop: asyncio.AbstractEventLoop) -> "Model":
    models = _MODELS.setdefault(loop, {})
    if name not in models:
        try:
            models[name] = _create_model(name)
        except Exception as error:
            raise PermanentError(
                f"model {name!r} cannot be used ({error}): name one as provider:model, install"
                " its provider's extra of pydantic-ai-slim, and set the provider's key"
            ) from error
    return models[name]


def _create_model(name: str) -> "Model":
    from pydantic_ai.models import infer_model

    import_module("perdure.agents.model_calls.durable_model")
    return infer_model(name)
