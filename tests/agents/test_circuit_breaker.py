"""The circuit breaker: opens when a provider is down, and lets one request try whether it is up."""

import asyncio
from typing import Final

import pytest

from perdure.agents.model_calls.circuit_breaker import CircuitBreaker, CircuitBreakers, ProviderDown
from perdure.agents.steps.errors import (
    BudgetExceeded,
    PermanentError,
    Throttled,
    TransientError,
    failure_from,
)
from perdure.agents.steps.retry import Clock
from perdure.models import FailureKind

DOWN: Final = TransientError("502")


class Watched:
    """A breaker whose clock the test moves."""

    def __init__(self) -> None:
        self.time = 1_000.0
        self.breaker = CircuitBreaker("p", clock=Clock(now=lambda: self.time, random=lambda: 0.0))

    def ask(self, error: BaseException | None = None) -> None:
        with self.breaker.request():
            if error is not None:
                raise error

    def fail(self, times: int = 1, error: Exception = DOWN) -> None:
        for _ in range(times):
            with pytest.raises(type(error)):
                self.ask(error)

    def left(self) -> float | None:
        """Seconds that a request is asked to wait; ``None`` when it gets through."""
        try:
            self.ask()
        except ProviderDown as error:
            return error.retry_after
        return None


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_opens_after_five_failures_in_a_row(watched: Watched) -> None:
    watched.fail(4)
    assert not watched.breaker.is_open
    watched.fail()
    assert watched.left() == 10.0
    watched.time += 4
    assert watched.left() == 6.0


def test_goals_wait_while_it_is_open(watched: Watched) -> None:
    watched.fail(5)
    with pytest.raises(ProviderDown, match="p failed 5 times in a row") as raised:
        watched.ask()
    failure = failure_from(raised.value)
    assert (failure.kind, failure.permanent) == (FailureKind.THROTTLED, False)
    assert failure.retry_after == 10.0


@pytest.mark.parametrize("error", [PermanentError("401"), Throttled("429"), None])
def test_any_answer_shows_that_the_provider_is_there(
    watched: Watched, error: Exception | None
) -> None:
    watched.fail(4)
    if error is None:
        watched.ask()
    else:
        watched.fail(error=error)
    watched.fail(4)
    assert not watched.breaker.is_open


@pytest.mark.parametrize("error", [ValueError("a bug"), BudgetExceeded("nothing left")])
def test_what_never_reached_the_provider_counts_neither_way(
    watched: Watched, error: Exception
) -> None:
    watched.fail(4)
    watched.fail(9, error)
    assert not watched.breaker.is_open
    watched.fail()
    assert watched.breaker.is_open


def test_failures_far_apart_do_not_add_up(watched: Watched) -> None:
    for _ in range(20):
        watched.fail()
        watched.time += 20
    assert not watched.breaker.is_open


def test_one_request_looks_whether_it_is_back(watched: Watched) -> None:
    watched.fail(5)
    watched.time += 10
    with watched.breaker.request():
        assert watched.left() == 1.0  # the others look again soon
    assert not watched.breaker.is_open
    assert watched.left() is None


def test_cools_down_twice_as_long_each_time_up_to_five_minutes(watched: Watched) -> None:
    watched.fail(5)
    waits = []
    for _ in range(8):
        left = watched.left()
        assert left is not None
        waits.append(left)
        watched.time += left
        watched.fail()
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]
    watched.time += 300
    watched.ask()
    watched.fail(5)
    assert watched.left() == 10.0


def test_a_request_cut_off_while_it_looks_leaves_it_to_the_next(watched: Watched) -> None:
    watched.fail(5)
    watched.time += 10
    with pytest.raises(asyncio.CancelledError):
        watched.ask(asyncio.CancelledError())
    assert watched.breaker.is_open
    assert watched.left() is None


def test_stragglers_from_before_do_not_make_it_wait_longer(watched: Watched) -> None:
    straggler = watched.breaker.request()
    straggler.__enter__()
    watched.fail(5)
    assert not straggler.__exit__(type(DOWN), DOWN, None)
    assert watched.left() == 10.0


def test_each_provider_has_its_own() -> None:
    breakers = CircuitBreakers()
    assert breakers.of("a") is breakers.of("a")
    assert breakers.of("a") is not breakers.of("b")
