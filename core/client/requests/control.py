"""Requests that control runs: cancel, pause, resume, terminate, signal, retry, settle."""

from collections.abc import Sequence
from typing import Final

from pydantic import JsonValue

from perdure.client.requests.request import Request, parser, path, post
from perdure.schemas.control import (
    CancelResponse,
    PauseResponse,
    ResumeResponse,
    RetryAllResponse,
    RetryResponse,
    SignalResponse,
    TerminateRequest,
    TerminateResponse,
)
from perdure.schemas.many_goals import GoalCriteria, ManyGoalsRequest, ManyGoalsResponse
from perdure.schemas.steps import SettleRequest, SettleResponse

_ALL: Final = 500  # that the server does at once


def cancel(workflow_id: str) -> Request[CancelResponse]:
    """Ask a run and its delegates to stop; what they made by then is kept."""
    return post(("api", "goals", workflow_id, "cancel"), CancelResponse, repeatable=True)


def pause(workflow_id: str) -> Request[PauseResponse]:
    """Pause a run and its delegates at the next step boundary, until they are resumed."""
    return post(("api", "goals", workflow_id, "pause"), PauseResponse)


def resume(workflow_id: str) -> Request[ResumeResponse]:
    """Resume a paused run and its delegates."""
    return post(("api", "goals", workflow_id, "resume"), ResumeResponse)


def terminate(workflow_id: str, reason: str = "") -> Request[TerminateResponse]:
    """End a run and its delegates at once: the last resort, for nothing is cleaned up."""
    body = TerminateRequest(reason=reason)
    return post(
        ("api", "goals", workflow_id, "terminate"), TerminateResponse, body, repeatable=True
    )


def retry(workflow_id: str) -> Request[RetryResponse]:
    """Retry a run that failed, was cancelled or terminated: it goes on from its journal."""
    return post(("api", "goals", workflow_id, "retry"), RetryResponse)


def signal(workflow_id: str, name: str, data: JsonValue = None) -> Request[SignalResponse]:
    """Send a run a signal: it goes on if it waits for it, and receives it later if it does not."""
    return Request(
        "POST",
        path("api", "goals", workflow_id, "signals", name),
        parser(SignalResponse),
        body=data,
    )


def settle(
    workflow_id: str, step: str, *, by: str, done: bool, value: JsonValue = None
) -> Request[SettleResponse]:
    """Say whether a step took effect that was marked ``once`` and was cut off.

    Args:
        workflow_id: The run.
        step: The step's name, with ``#`` and its number where several have it.
        by: Who says so.
        done: Whether it took effect.
        value: What it returned, if it took effect.
    """
    body = (
        SettleRequest(step=step, done=True, value=value, by=by)
        if done
        else SettleRequest(step=step, done=False, by=by)
    )
    return post(("api", "goals", workflow_id, "steps", "settle"), SettleResponse, body)


def cancel_many(
    workflow_ids: Sequence[str] | None = None,
    *,
    filter: GoalCriteria | None = None,  # noqa: A002 - as the API calls it
    limit: int = _ALL,
) -> Request[ManyGoalsResponse]:
    """Cancel many runs, 500 at most: those that are named, or the newest that a filter fits."""
    body = _many(workflow_ids, filter, limit)
    return post(("api", "goals", "cancel"), ManyGoalsResponse, body, repeatable=True)


def retry_many(
    workflow_ids: Sequence[str] | None = None,
    *,
    filter: GoalCriteria | None = None,  # noqa: A002 - as the API calls it
    limit: int = _ALL,
) -> Request[ManyGoalsResponse]:
    """Retry many runs, 500 at most: those that are named, or the newest that a filter fits."""
    return post(("api", "goals", "retry"), ManyGoalsResponse, _many(workflow_ids, filter, limit))


def retry_dead_letters(agent_type: str | None = None) -> Request[RetryAllResponse]:
    """Retry every goal that failed for good, or every one of an agent; 500 at most."""
    return Request(
        "POST",
        path("api", "dead-letters", "retry"),
        parser(RetryAllResponse),
        query=(("agent_type", agent_type),) if agent_type is not None else (),
    )


def _many(
    workflow_ids: Sequence[str] | None, criteria: GoalCriteria | None, limit: int
) -> ManyGoalsRequest:
    if criteria is not None:
        return ManyGoalsRequest(filter=criteria, limit=limit)
    return ManyGoalsRequest(workflow_ids=list(workflow_ids or ()), limit=limit)
