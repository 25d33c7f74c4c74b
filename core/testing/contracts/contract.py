"""The contract that every agent keeps, as a class of tests to inherit."""

import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import JsonValue

from perdure.agents.hookspecs.spec import AgentSpec
from perdure.models import Result
from perdure.testing.contracts import clauses
from perdure.testing.contracts.broken import BrokenContract
from perdure.testing.contracts.carrying import carried
from perdure.testing.contracts.trial import SECONDS, Case, Pass, Trial, on_trial, specification
from perdure.testing.model_endpoint.script import Script

T = TypeVar("T")

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class AgentContract:
    """What every agent keeps: inherit it, name the agent, and pytest runs the tests below.

    ::

        class TestWeather(AgentContract):
            agent = "weather"
            description = "Tell the weather in Ghent"
            parameters = {"city": "Ghent"}

    The agent runs in memory, without a server, a few dozen times: give it a small goal. Where the
    parameters need a file, make it once for the class, and no unbroken run has to be repeated::

            @pytest.fixture(autouse=True, scope="class")
            @classmethod
            def a_file(cls, tmp_path_factory):
                file = tmp_path_factory.mktemp("sales") / "sales.csv"
                file.write_text("day,euros")
                cls.parameters = {"path": str(file)}

    Attributes:
        agent: The agent: its specification, or its name when it is installed.
        description: A goal that it reaches.
        parameters: That goal's parameters.
        bad_parameters: Parameters that it must refuse; those that its model must refuse (an unknown
            field, a missing one, a wrong type) are tried besides.
        decisions: What people answer, by question, if it asks any.
        results: What the agents deliver that it delegates to, by agent type.
        signals: What comes with the signals it waits for, in order, by name.
        model_script: What the models say that it asks: replies in turn, or a function of the
            request; see :class:`~perdure.testing.ModelServer`. The same prompt gets the same reply
            each time. ``PERDURE_MODEL`` and OpenAI's variables lead to it meanwhile.
        seconds: How long one pass may take.
    """

    agent: AgentSpec | str
    description: str = "Try it"
    parameters: Mapping[str, JsonValue] = _NOTHING
    bad_parameters: Sequence[Mapping[str, JsonValue]] = ()
    decisions: Mapping[str, bool] = _NOTHING
    results: Mapping[str, Result] = _NOTHING
    signals: Mapping[str, Sequence[JsonValue]] = _NOTHING
    model_script: Script | None = None
    seconds: float = SECONDS

    _kept: Final[dict[type, tuple[Case, Pass]]] = {}

    def test_it_tells_progress_that_only_grows(self) -> None:
        """It tells how far it has come, from 0 to 100, and never goes back."""
        __tracebackhide__ = True
        clauses.progress_grows(self._first())

    def test_its_result_is_the_same_after_json(self) -> None:
        """Its result is plain data, and says which agent made it."""
        __tracebackhide__ = True
        clauses.result_survives_json(self._first(), self._case())

    def test_its_artifacts_have_safe_names(self) -> None:
        """Its files stay within the result's folder."""
        __tracebackhide__ = True
        clauses.artifact_names_are_safe(self._first())

    def test_it_finds_every_step_again(self) -> None:
        """With every step in the journal it does nothing anew and ends with the same result."""
        __tracebackhide__ = True
        self._try(clauses.every_step_is_found_again)
        elsewhere = carried(self._case(), self._first())
        if elsewhere is not None:
            on_trial(self._case(), lambda trial: clauses.it_goes_on_elsewhere(trial, elsewhere))

    def test_killed_behind_every_step_it_goes_on(self) -> None:
        """Killed after each step, it goes on; no finished step is done again."""
        __tracebackhide__ = True
        self._try(lambda trial, first: clauses.it_goes_on_after_kills(trial, first, "behind"))

    def test_killed_before_every_record_it_goes_on(self) -> None:
        """Killed between each step's effect and its record, it goes on; only that step repeats."""
        __tracebackhide__ = True
        self._try(lambda trial, first: clauses.it_goes_on_after_kills(trial, first, "before"))

    def test_cancelled_in_any_step_it_ends(self) -> None:
        """Cancelled in any step it lets go, is cleaned up once, and keeps what it has made."""
        __tracebackhide__ = True
        self._try(clauses.cancelled_in_any_step_it_ends)

    def test_its_cleanup_is_always_safe(self) -> None:
        """Its clean-up works when it did nothing, and twice."""
        __tracebackhide__ = True
        on_trial(self._case(), clauses.cleanup_is_always_safe)

    def test_too_few_steps_end_it(self) -> None:
        """A budget of too few steps ends it with ``BudgetExceeded``."""
        __tracebackhide__ = True
        self._try(clauses.too_few_steps_end_it)

    def test_too_few_tokens_end_it(self) -> None:
        """A budget of too few tokens ends it with ``BudgetExceeded``, if it asks models."""
        __tracebackhide__ = True
        self._try(clauses.too_few_tokens_end_it)

    def test_bad_parameters_are_refused(self) -> None:
        """Parameters that do not fit are refused with a sentence that names the field."""
        __tracebackhide__ = True
        case = self._case()
        clauses.wrong_parameters_are_refused(case)
        for bad in self.bad_parameters:
            clauses.bad_parameters_are_refused(self._case(bad))

    def _case(self, parameters: Mapping[str, JsonValue] | None = None) -> Case:
        if not hasattr(self, "agent"):
            raise BrokenContract(
                f"{type(self).__name__} names no agent: set agent, to a name or a specification"
            )
        return Case(
            specification(self.agent),
            self.description,
            self.parameters if parameters is None else parameters,
            self.decisions,
            self.results,
            self.signals,
            self._script(),
            self.seconds,
        )

    def _script(self) -> Script | None:
        # Looked up as it stands: a function that is a class's attribute would be made a method.
        script: Script | None = inspect.getattr_static(self, "model_script")
        return script.__func__ if isinstance(script, staticmethod) else script

    def _first(self) -> Pass:
        """Return an unbroken pass, made once for all tests with the same parameters."""
        __tracebackhide__ = True
        case = self._case()
        if self._kept.get(type(self), (None, None))[0] != case:
            self._kept[type(self)] = (case, on_trial(case, clauses.reference))
        return self._kept[type(self)][1]

    def _try(self, clause: Callable[[Trial, Pass], Coroutine[Any, Any, None]]) -> None:
        __tracebackhide__ = True
        first = self._first()
        on_trial(self._case(), lambda trial: clause(trial, first))
