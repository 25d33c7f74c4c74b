"""The contract that every agent keeps, as a class of tests to inherit."""

import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import JsonValue

from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.models import Result
from perdure.testing.contracts import (
    parameter_checks,
    replay_checks,
    result_checks,
    stop_checks,
)
from perdure.testing.contracts.errors import BrokenContract
from perdure.testing.contracts.journal_files import load_or_save_journal
from perdure.testing.contracts.runner import AgentRunner, find_specification, run_case
from perdure.testing.in_memory.execution import EXECUTION_SECONDS, AgentCase, ExecutionRecord
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
        seconds: How long one execution may take.
    """

    agent: AgentSpec | str
    description: str = "Try it"
    parameters: Mapping[str, JsonValue] = _NOTHING
    bad_parameters: Sequence[Mapping[str, JsonValue]] = ()
    decisions: Mapping[str, bool] = _NOTHING
    results: Mapping[str, Result] = _NOTHING
    signals: Mapping[str, Sequence[JsonValue]] = _NOTHING
    model_script: Script | None = None
    seconds: float = EXECUTION_SECONDS

    _first_executions: Final[dict[type, tuple[AgentCase, ExecutionRecord]]] = {}

    def test_it_tells_progress_that_only_grows(self) -> None:
        """It reports how far it is, from 0 to 100, and never goes back."""
        __tracebackhide__ = True
        result_checks.check_progress(self._first())

    def test_its_result_is_the_same_after_json(self) -> None:
        """Its result is plain data, and says which agent made it."""
        __tracebackhide__ = True
        result_checks.check_result_is_json(self._first(), self._case())

    def test_its_artifacts_have_safe_names(self) -> None:
        """Its files stay within the result's folder."""
        __tracebackhide__ = True
        result_checks.check_artifact_names(self._first())

    def test_it_finds_every_step_again(self) -> None:
        """With every step in the journal it does nothing anew and ends with the same result."""
        __tracebackhide__ = True
        self._check(replay_checks.check_replay)
        journal = load_or_save_journal(self._case(), self._first())
        if journal is not None:
            run_case(
                self._case(), lambda runner: replay_checks.check_replay_elsewhere(runner, journal)
            )

    def test_killed_behind_every_step_it_goes_on(self) -> None:
        """Killed after each step, it goes on; no finished step is done again."""
        __tracebackhide__ = True
        self._check(lambda runner, first: replay_checks.check_kills(runner, first, "after_record"))

    def test_killed_before_every_record_it_goes_on(self) -> None:
        """Killed between each step's effect and its record, it goes on; only that step repeats."""
        __tracebackhide__ = True
        self._check(lambda runner, first: replay_checks.check_kills(runner, first, "before_record"))

    def test_cancelled_in_any_step_it_ends(self) -> None:
        """Cancelled in any step it stops, is cleaned up once, and keeps what it has made."""
        __tracebackhide__ = True
        self._check(stop_checks.check_cancellation)

    def test_its_cleanup_is_always_safe(self) -> None:
        """Its clean-up works when it did nothing, and twice."""
        __tracebackhide__ = True
        run_case(self._case(), stop_checks.check_cleanup)

    def test_too_few_steps_end_it(self) -> None:
        """A budget of too few steps ends it with ``BudgetExceeded``."""
        __tracebackhide__ = True
        self._check(stop_checks.check_step_budget)

    def test_too_few_tokens_end_it(self) -> None:
        """A budget of too few tokens ends it with ``BudgetExceeded``, if it asks models."""
        __tracebackhide__ = True
        self._check(stop_checks.check_token_budget)

    def test_bad_parameters_are_refused(self) -> None:
        """Parameters that do not fit are refused with a sentence that names the field."""
        __tracebackhide__ = True
        case = self._case()
        parameter_checks.check_invalid_parameters(case)
        for bad in self.bad_parameters:
            parameter_checks.check_bad_parameters(self._case(bad))

    def _case(self, parameters: Mapping[str, JsonValue] | None = None) -> AgentCase:
        if not hasattr(self, "agent"):
            raise BrokenContract(
                f"{type(self).__name__} names no agent: set agent, to a name or a specification"
            )
        return AgentCase(
            find_specification(self.agent),
            self.description,
            self.parameters if parameters is None else parameters,
            self.decisions,
            self.results,
            self.signals,
            self._script(),
            self.seconds,
        )

    def _script(self) -> Script | None:
        # Looked up statically: a function that is a class's attribute would be made a method.
        script: Script | None = inspect.getattr_static(self, "model_script")
        return script.__func__ if isinstance(script, staticmethod) else script

    def _first(self) -> ExecutionRecord:
        """Return an unbroken execution, made once for all tests with the same parameters."""
        __tracebackhide__ = True
        case = self._case()
        if self._first_executions.get(type(self), (None, None))[0] != case:
            self._first_executions[type(self)] = (
                case,
                run_case(case, result_checks.execute_to_result),
            )
        return self._first_executions[type(self)][1]

    def _check(
        self, check: Callable[[AgentRunner, ExecutionRecord], Coroutine[Any, Any, None]]
    ) -> None:
        __tracebackhide__ = True
        first = self._first()
        run_case(self._case(), lambda runner: check(runner, first))
