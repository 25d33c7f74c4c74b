"""The values of a goal's page."""

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup
from pydantic import JsonValue

from perdure.models import Artifact, Budget, GoalRecord
from perdure.models.workers import pool_without_worker
from perdure.schemas.approvals import ApprovalStatus
from perdure.schemas.timelines import DelegatedRun, PricedUsage, Timeline
from perdure.stores import Stores, UnknownArtifact
from perdure.stores.events.texts import StreamedText
from perdure.timelines.rows import timeline_rows
from perdure.timelines.team_graph import HEIGHT, WIDTH, team_graph
from perdure.web.artifacts.kinds import first_shown, kind_of
from perdure.web.artifacts.pdf_pages import SHOWN_PAGES
from perdure.web.artifacts.views import (
    READ_BYTES,
    ArtifactView,
    artifact_url,
    render_text,
    shown_url,
    view_artifact,
)
from perdure.web.goals.actions import actions_for
from perdure.web.rendering.commands import curl_command, run_command

_LISTED_FILES: Final = 200
_SHOWN_PICTURES: Final = 12
_SHOWN_APPROVALS: Final = 100
_HEADING_CHARACTERS: Final = 160
_VALUE_CHARACTERS: Final = 400
_SUMMARY_CHARACTERS: Final = 20_000
_UPLOADED: Final = re.compile(r"upload:[0-9a-f]{32}/(.+)")
_SHOWN_ENTRIES: Final = 50
_WAITS: Final = {
    "approval": "It waits for an answer.",
    "delegate": "It waits for another agent.",
    "signal": "It waits for a signal.",
    "sleep": "It waits for a time.",
}


async def goal_page(
    stores: Stores, goal: GoalRecord, file: str | None, base_url: str
) -> dict[str, object]:
    """Return what the page of a goal shows.

    Args:
        stores: The stores.
        goal: The goal.
        file: The name of the file to show; the report when not given.
        base_url: Where the API is.
    """
    timeline = await stores.timelines.of(goal)
    rows, axis = await asyncio.to_thread(timeline_rows, timeline)
    approvals = await stores.approvals.list(workflow_id=goal.workflow_id, limit=_SHOWN_APPROVALS)
    view = await _view(stores, goal, file)
    content = _content(goal)
    entries = await stores.notebook.of(goal.workflow_id, limit=_SHOWN_ENTRIES + 1)
    streams: list[StreamedText] = []
    if goal.ended_at is None:
        streams = await stores.events.open_texts(goal.workflow_id, timeline.last_event)
    return {
        "goal": goal,
        "heading": _heading(goal.description),
        "actions": actions_for(goal),
        "under_way": await _under_way(stores, goal, timeline),
        "timeline": timeline,
        "answered": sum(execution.answered for execution in timeline.executions),
        "delegated": _usage_below(timeline.delegates),
        "rows": rows,
        "team": team_graph(timeline.team),
        "node_width": WIDTH,
        "node_height": HEIGHT,
        "is_shortened": axis.is_shortened,
        "open_approvals": [one for one in approvals if one.status is ApprovalStatus.OPEN],
        "decided": [one for one in approvals if one.status is not ApprovalStatus.OPEN],
        "policy": await stores.events.policy_decisions(goal.workflow_id),
        "notebook": [(entry, _shown(entry.value)) for entry in entries[:_SHOWN_ENTRIES]],
        "notebook_goes_on": len(entries) > _SHOWN_ENTRIES,
        "summary": await _summary(goal),
        "view": view,
        "pictures": _pictures(goal, view) if file is None else [],
        "shown_pages": SHOWN_PAGES,
        "streams": streams,
        "files": [
            {
                "artifact": artifact,
                "address": artifact_url(goal.workflow_id, artifact.name),
                "shown": shown_url(goal.workflow_id, artifact.name),
            }
            for artifact in goal.artifacts[:_LISTED_FILES]
        ],
        "more_files": max(0, len(goal.artifacts) - _LISTED_FILES),
        "parameters": [
            (name, _shown(value))
            for name, value in goal.parameters.items()
            if value not in (None, [], {}, "")
        ],
        "budget": _budget(goal.budget),
        "command": run_command(content),
        "curl": curl_command(base_url.rstrip("/"), content),
        "made_from_it": await stores.reruns.made_from(goal.workflow_id),
        "problem": "",
    }


def _usage_below(delegates: Sequence[DelegatedRun]) -> PricedUsage:
    return sum((run.usage + _usage_below(run.delegates) for run in delegates), PricedUsage())


def find_artifact(goal: GoalRecord, name: str) -> Artifact:
    """Return a file of a run.

    Raises:
        UnknownArtifact: The run has no file of that name.
    """
    for artifact in goal.artifacts:
        if artifact.name == name:
            return artifact
    raise UnknownArtifact(f"goal {goal.workflow_id} has no artifact {name!r}")


async def _view(stores: Stores, goal: GoalRecord, file: str | None) -> ArtifactView | None:
    if file is None:
        artifact = first_shown(goal.artifacts)
        if artifact is None or kind_of(artifact) == "picture":
            return None  # all pictures are shown
        if kind_of(artifact) == "json" and goal.result and goal.result.summary:
            return None  # what the summary says, for programs
    else:
        artifact = find_artifact(goal, file)
    try:
        async with stores.contents.local(artifact.digest, beginning=READ_BYTES) as path:
            return await view_artifact(goal.workflow_id, artifact, path, goal.artifacts)
    except UnknownArtifact:
        address = artifact_url(goal.workflow_id, artifact.name)
        return ArtifactView(artifact, "none", address)


def _pictures(goal: GoalRecord, view: ArtifactView | None) -> list[ArtifactView]:
    """Return the pictures that no report shows in its own place."""
    if view is not None and view.kind in {"markdown", "page"}:
        return []
    pictures = [artifact for artifact in goal.artifacts if kind_of(artifact) == "picture"]
    return [
        ArtifactView(picture, "picture", artifact_url(goal.workflow_id, picture.name))
        for picture in pictures[:_SHOWN_PICTURES]
    ]


async def _under_way(stores: Stores, goal: GoalRecord, timeline: Timeline) -> str:
    """Return what a goal that has reported no progress is at."""
    if goal.slot is not None:
        return f"It waits for a slot: {goal.slot.message}."
    running = [
        span.label
        for execution in timeline.executions
        for span in execution.spans
        if span.status == "running"
    ]
    if running:
        return f"At work: {running[-1]}"
    waits = [
        span.kind
        for execution in timeline.executions
        for span in execution.spans
        if span.status == "waiting"
    ]
    if waits:
        return _WAITS.get(waits[-1], "It waits.")
    if timeline.last_event > 1:
        return "It has begun."
    if goal.pool in await stores.workers.pools():
        return "It waits for a worker."
    sentence = pool_without_worker(goal.pool)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _heading(description: str) -> str:
    first = " ".join(description.split())
    if len(first) <= _HEADING_CHARACTERS:
        return description if "\n" not in description.strip() else first
    return first[:_HEADING_CHARACTERS].rsplit(" ", 1)[0] + "…"


async def _summary(goal: GoalRecord) -> Markup | None:
    if goal.result is None or not goal.result.summary.strip():
        return None
    text = goal.result.summary[:_SUMMARY_CHARACTERS]
    return await asyncio.to_thread(render_text, goal.workflow_id, "", text, goal.artifacts)


def _shown(value: JsonValue) -> str:
    """Return a parameter's value; of a file that was handed in, the name that it had."""
    if isinstance(value, list):
        value = [_file_name(item) for item in value]
    value = _file_name(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        text = "\n".join(map(str, value))
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _VALUE_CHARACTERS else f"{text[:_VALUE_CHARACTERS]}…"


def _file_name(value: JsonValue) -> JsonValue:
    found = _UPLOADED.fullmatch(value) if isinstance(value, str) else None
    return f"{found[1]} (uploaded)" if found else value


def _content(goal: GoalRecord) -> dict[str, JsonValue]:
    """Return the body of ``POST /api/execute-goal`` that starts the same goal."""
    content: dict[str, JsonValue] = {
        "goal_id": goal.goal_id,
        "description": goal.description,
        "agent_type": goal.agent_type,
    }
    given: dict[str, JsonValue] = {
        name: value for name, value in goal.parameters.items() if value not in (None, [], {})
    }
    if given:
        content["parameters"] = given
    if goal.budget is not None:
        content["budget"] = goal.budget.model_dump(mode="json", exclude_none=True)
    return content


def _budget(budget: Budget | None) -> str:
    if budget is None:
        return ""
    parts = [
        f"${budget.cost:,.2f}" if budget.cost is not None else "",
        f"{budget.tokens:,} tokens" if budget.tokens is not None else "",
        f"{budget.steps:,} steps" if budget.steps is not None else "",
        f"{budget.seconds:,.0f} s" if budget.seconds is not None else "",
    ]
    return ", ".join(part for part in parts if part)
