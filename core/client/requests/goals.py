"""Requests of goals: start one, show one, list them, count them."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import cast

from pydantic import JsonValue

from perdure.client.requests.request import Request, get, nothing, parser, path, post, query
from perdure.models import Budget, GoalRecord, GoalStatus, Hold, Result
from perdure.schemas.control import RunAgainResponse
from perdure.schemas.goals import HoldList, StartResponse
from perdure.schemas.many_goals import FoundGoal, GoalCounts, GoalPage
from perdure.schemas.notebook.records import NotebookList
from perdure.schemas.replays.recording import Recording
from perdure.schemas.steps import GoalDetails, UnknownSteps
from perdure.schemas.timelines import Timeline

Statuses = GoalStatus | str | list[GoalStatus] | list[str] | None


def start(
    agent_type: str,
    description: str,
    *,
    parameters: Mapping[str, JsonValue] | None = None,
    goal_id: str | None = None,
    budget: Budget | None = None,
    pool: str | None = None,
    priority: int | None = None,
    callback_url: str | None = None,
    idempotency_key: str | None = None,
    wait: float = 0,
) -> Request[StartResponse | GoalRecord]:
    """Start a goal.

    Args:
        agent_type: The agent that is to do it.
        description: What it is to achieve.
        parameters: The agent's parameters.
        goal_id: A name of your own for it; one is made when it is not given.
        budget: What it may use at most.
        pool: The pool of workers that is to run it.
        priority: Before which others it goes while it waits for a worker: 1 first, 5 last; 3 when
            not given.
        callback_url: Where to post an event when it ends or asks something.
        idempotency_key: The same key again returns the run started first; one is made when it is
            not given, so that a request whose response was lost can be sent again.
        wait: How many seconds to wait for its end, 60 at most.
    """
    body: dict[str, JsonValue] = {
        "goal_id": goal_id or f"{agent_type}-{uuid.uuid4().hex[:12]}",
        "description": description,
        "agent_type": agent_type,
        "parameters": dict(parameters or {}),
    }
    if budget is not None:
        body["budget"] = budget.model_dump(mode="json", exclude_none=True)
    if pool is not None:
        body["pool"] = pool
    if priority is not None:
        body["priority"] = priority
    if callback_url is not None:
        body["callback_url"] = callback_url
    return Request(
        "POST",
        path("api", "execute-goal"),
        parser(cast("type[StartResponse | GoalRecord]", StartResponse | GoalRecord)),
        query=query(wait=str(wait)) if wait else (),
        body=body,
        headers=_idempotent(idempotency_key),
        repeatable=True,
        seconds=wait,
    )


def delete(workflow_id: str) -> Request[None]:
    """Delete a run that has ended, with its delegates; what they used stays in the usage."""
    return Request("DELETE", path("api", "goals", workflow_id), nothing)


def hold(workflow_id: str, reason: str = "") -> Request[Hold]:
    """Keep a run, with its delegates, from being deleted, until it is released."""
    return Request(
        "PUT", path("api", "goals", workflow_id, "hold"), parser(Hold), body={"reason": reason}
    )


def release(workflow_id: str) -> Request[None]:
    """Release a run that was held."""
    return Request("DELETE", path("api", "goals", workflow_id, "hold"), nothing)


def hold_tenant(reason: str = "") -> Request[Hold]:
    """Keep all of the tenant's goals from being deleted, until it is released."""
    return Request("PUT", path("api", "hold"), parser(Hold), body={"reason": reason})


def release_tenant() -> Request[None]:
    """Release the tenant's goals; those that are held themselves stay so."""
    return Request("DELETE", path("api", "hold"), nothing)


def holds() -> Request[HoldList]:
    """List what is held."""
    return Request("GET", path("api", "holds"), parser(HoldList))


def run_again(
    workflow_id: str,
    *,
    from_step: str | None = None,
    description: str | None = None,
    parameters: Mapping[str, JsonValue] | None = None,
    budget: Budget | None = None,
    by: str = "",
    idempotency_key: str | None = None,
) -> Request[RunAgainResponse]:
    """Start a new run of a run's goal, as it was or edited, from its start or from a step.

    Args:
        workflow_id: The run.
        from_step: The step to go on from, such as ``read#3``; the whole goal is done anew when it
            is not given.
        description: What is to be achieved, if something else is.
        parameters: All of the agent's parameters, if others are.
        budget: What the new run may use at most, if that is to be something else.
        by: Who has it run again; the key's name when it is not given.
        idempotency_key: As of a start.
    """
    edits: dict[str, JsonValue] = {"from_step": from_step, "description": description, "by": by}
    if parameters is not None:
        edits["parameters"] = dict(parameters)
    if budget is not None:
        edits["budget"] = budget.model_dump(mode="json", exclude_none=True)
    body: JsonValue = {name: value for name, value in edits.items() if value is not None}
    request = post(("api", "goals", workflow_id, "run-again"), RunAgainResponse, body)
    return replace(request, headers=_idempotent(idempotency_key), repeatable=True)


def find(name: str) -> Request[FoundGoal]:
    """Find the run that a name stands for.

    Args:
        name: A workflow id; a goal id, for its newest run; or the beginning of one, 6 characters or
            more.
    """
    return get(("api", "goals", "find"), FoundGoal, name=name)


def show(workflow_id: str) -> Request[GoalRecord]:
    """Show a run: its status, its progress, and its result once it has ended."""
    return get(("api", "goals", workflow_id), GoalRecord)


def result(workflow_id: str) -> Request[Result]:
    """Return the result of a run that has ended; :class:`Conflict` while it has not."""
    return get(("api", "goals", workflow_id, "result"), Result)


def details(workflow_id: str) -> Request[GoalDetails]:
    """Return a run's last steps, what it has used, and what it waits for."""
    return get(("api", "goals", workflow_id, "details"), GoalDetails)


def recording(workflow_id: str) -> Request[Recording]:
    """Return all that is on record of a run, for its replay; admins may."""
    return get(("api", "goals", workflow_id, "recording"), Recording)


def timeline(workflow_id: str) -> Request[Timeline]:
    """Return what a run did when, and what that cost."""
    return get(("api", "goals", workflow_id, "timeline"), Timeline)


def notebook(workflow_id: str, *, limit: int = 50, after: str = "") -> Request[NotebookList]:
    """Return what stands in the notebook that a run shares with its delegates: one page of it.

    Args:
        workflow_id: The run, or any other of its tree.
        limit: How many keys at most, up to 500.
        after: ``after`` of the previous page.
    """
    return get(
        ("api", "goals", workflow_id, "notebook"), NotebookList, limit=limit, after=after or None
    )


def unknown_steps(workflow_id: str) -> Request[UnknownSteps]:
    """Return a run's steps of unknown outcome, which can be settled."""
    return get(("api", "goals", workflow_id, "steps", "unknown"), UnknownSteps)


def list_page(
    *,
    status: Statuses = None,
    agent_type: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    ended_since: datetime | None = None,
    delegated: bool | None = None,
    parent: str | None = None,
    started_by: str | None = None,
    schedule: str | None = None,
    search: str | None = None,
    limit: int = 50,
    before: str | None = None,
) -> Request[GoalPage]:
    """List runs, newest first: one page of those that meet every criterion that is given.

    Args:
        status: Their status, or several of which they have one.
        agent_type: Their agent.
        since: They started then or later.
        until: They started before.
        ended_since: They ended then or later.
        delegated: Whether another run delegated them.
        parent: The run that delegated them.
        started_by: Who handed them in: the name of the key or of the person.
        schedule: The name of the schedule that has started them.
        search: Words of their description, ids, error or result's summary.
        limit: How many at most, up to 500.
        before: ``before`` of the previous page.
    """
    return get(
        ("api", "goals"),
        GoalPage,
        status=status,
        agent_type=agent_type,
        since=since,
        until=until,
        ended_since=ended_since,
        delegated=delegated,
        parent=parent,
        started_by=started_by,
        schedule=schedule,
        search=search,
        limit=limit,
        before=before,
    )


def counts(
    *,
    status: Statuses = None,
    agent_type: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    ended_since: datetime | None = None,
    delegated: bool | None = None,
    parent: str | None = None,
    started_by: str | None = None,
    schedule: str | None = None,
    search: str | None = None,
) -> Request[GoalCounts]:
    """Count runs by status: those that meet every criterion that is given, as of a list."""
    return get(
        ("api", "goals", "counts"),
        GoalCounts,
        status=status,
        agent_type=agent_type,
        since=since,
        until=until,
        ended_since=ended_since,
        delegated=delegated,
        parent=parent,
        started_by=started_by,
        schedule=schedule,
        search=search,
    )


def dead_letters(
    *, agent_type: str | None = None, limit: int = 50, before: str | None = None
) -> Request[GoalPage]:
    """List goals that failed for good, newest first, without delegates: one page of them."""
    return get(("api", "dead-letters"), GoalPage, agent_type=agent_type, limit=limit, before=before)


def events(workflow_id: str) -> Request[None]:
    """Follow the events of a run as they happen, to its end."""
    return Request(
        "GET",
        path("api", "goals", workflow_id, "events"),
        nothing,
        headers={"Accept": "text/event-stream", "Cache-Control": "no-store"},
        repeatable=True,
    )


def past_events(workflow_id: str) -> Request[None]:
    """Return the events that a run has had so far, one a line."""
    return Request(
        "GET", path("api", "goals", workflow_id, "events.jsonl"), nothing, repeatable=True
    )


def _idempotent(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key or str(uuid.uuid4())}
