"""Waits that a test has given no answer for."""

from perdure.agents.steps.journal import (
    ApprovalRequest,
    DelegateRequest,
    SignalRequest,
    WaitRequest,
)


def missing_argument(request: WaitRequest) -> str:
    """Return the argument of :func:`~perdure.testing.rehearse` that answers a wait."""
    match request:
        case ApprovalRequest(question=question):
            return f"decisions={{{question!r}: True}}"
        case DelegateRequest(agent_type=agent_type):
            return f"results={{{agent_type!r}: Result()}}"
        case SignalRequest(signal=signal, number=number):
            return f"signals={{{signal!r}: [None] * {number}}}"
        case _:
            raise AssertionError("a sleep is over at once")
