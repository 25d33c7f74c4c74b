"""The part of a run that asks models."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from pydantic import JsonValue

from perdure.agents.events.step_events import StepEvents
from perdure.agents.model_calls.answers import Answer
from perdure.agents.model_calls.budget import BudgetGuard
from perdure.agents.model_calls.model_factory import durable_model, import_model
from perdure.agents.policy.gate import PolicyGate
from perdure.agents.runs.model_answers import ModelAnswers
from perdure.agents.steps.steps import Steps

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from perdure.agents.model_calls.circuit_breaker import CircuitBreakers
    from perdure.agents.model_calls.durable_model import DurableModel, ResponseCache

T = TypeVar("T")


class RunModels:
    """Asks models, each request a step; a base class of :class:`~perdure.agents.Run`."""

    steps: Steps
    events: StepEvents
    _budget: BudgetGuard
    _answers: ModelAnswers
    _model: str
    _responses: "ResponseCache | None"
    _breakers: "CircuitBreakers | None"
    policy: PolicyGate

    @property
    def model(self) -> "DurableModel":
        """The model that ``PERDURE_MODEL`` names, for pydantic-ai: each request is a step.

        Raises:
            PermanentError: None is named, or it cannot be used.
        """
        return self.durable(self._model)

    async def import_model(self) -> None:
        """Import what :attr:`model` needs, in a thread; called before the agent starts."""
        await import_model(self._model)

    def durable(self, model: "Model | str") -> "DurableModel":
        """Return a pydantic-ai model whose requests are journaled, and counted by the ledger.

        Args:
            model: A model, or the name of one such as ``openai:gpt-4o-mini``.

        Raises:
            PermanentError: It cannot be used.
        """
        return durable_model(
            model,
            self.steps,
            self._budget,
            self.events,
            cache=self._responses,
            breakers=self._breakers,
            policy=self.policy,
        )

    async def has_model(self) -> bool:
        """Return whether ``PERDURE_MODEL`` names a model that can be created.

        It is not asked anything. The same in every execution, whatever the setting says by then.
        """
        return bool((await self._answers.choice()).model)

    async def try_model(
        self,
        name: str,
        attempt: Callable[..., Awaitable[T]],
        otherwise: Callable[..., Awaitable[T]],
        /,
        *args: object,
        check: Callable[[T], object] | None = None,
    ) -> Answer[T]:
        """Do work with the model that ``PERDURE_MODEL`` names, and without it where it fails.

        ::

            async def ask(model: Model, question: str) -> str:
                return (await Agent(output_type=str).run(question, model=model)).output

            answer = await run.try_model("answer", ask, look_up, question, check=is_quoted)

        The work is done by ``otherwise``, without the model, when none is named or it cannot be
        created; when a request failed for good, after its retries; when the budget leaves too
        little, and then no further request is made in this run; and when ``check`` or the attempt
        itself refuses what the model gave. The result's metadata says which way was taken, as
        ``way`` (``model``, ``rules``, ``both``), ``model`` and ``way_reason``.

        Which way it was is journaled, as a step of that name, and holds in every later execution.
        While the provider asks to wait the goal waits, for a quarter of an hour in all. What is no
        failure of the model ends the goal as anywhere else: a budget of steps or of time, a
        ``once`` step whose outcome is unknown, a run that is closed.

        Args:
            name: What is done, in one or a few words.
            attempt: Async: given the model, for pydantic-ai, and ``args``, returns what is wanted.
                Its effects belong into steps. Any error of it makes the run fall back, and one that
                nobody foresaw is logged.
            otherwise: Async: given ``args``, returns the same by rules.
            *args: What the work is about: plain data or Pydantic models. Work of one name that
                goes on side by side must differ in it.
            check: Raises :class:`~perdure.agents.AnswerRefused`, or any ``ValueError``, with a
                sentence, for what is not to be used. Plain or async, and the same in every
                execution: it reads nothing that changes.

        Raises:
            PermanentError: An argument has no JSON form; or the model that gave the answer in an
                earlier execution cannot be created any more.
            Exception: What ``otherwise`` raised.
        """
        return await self._answers.answer(name, attempt, otherwise, args, check)

    def ways_metadata(self) -> dict[str, JsonValue]:
        """Return what the result's metadata says of :meth:`try_model`; empty without any."""
        return self._answers.metadata()
