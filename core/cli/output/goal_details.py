"""The details of a goal: its last steps, what it has spent, what it waits for, what is unknown."""

from typing import TYPE_CHECKING

import click

from perdure.cli.output.event_text import numbered, one_line, policy_decided, step_label
from perdure.cli.output.printing import print_text

if TYPE_CHECKING:
    from perdure.models import Hold, Score, Usage
    from perdure.schemas.steps import GoalDetails, OnceStep, RecentStep, WaitDetails


def print_goal_details(details: "GoalDetails") -> None:
    """Print the details for people; nothing for a part that is empty."""
    for step in details.steps:
        print_text(f"step       {_step_text(step)}")
    spending = details.spending
    if spending.requests or spending.steps:
        work = f"{spending.steps} steps, {spending.seconds:.1f} s at work"
        click.echo(
            f"spent      {_usage_text(spending.spent)} in {spending.requests} requests; {work}"
        )
    for label, usage in (("lost", spending.thrown_away), ("saved", spending.saved)):
        if usage.tokens_used:
            click.echo(f"{label:10} {_usage_text(usage)}")
    for decision in details.decisions:
        data = decision.model_dump(mode="json")
        print_text(f"policy     {one_line(policy_decided(data))}")
    for wait in details.waits:
        print_text(f"waits for  {_wait_text(wait)}")
    if details.missing_pool is not None:
        from perdure.models.workers import pool_without_worker

        print_text(f"waits for  a worker: {pool_without_worker(details.missing_pool)}")
    for unknown in details.unknown_steps:
        print_text(f"unknown    {_unknown_text(unknown)}")


def score_text(score: "Score") -> str:
    """Return a score as one line, such as ``accuracy 0.75, by ann: one figure is wrong``."""
    value = score.value if isinstance(score.value, str) else f"{score.value:g}"
    if isinstance(score.value, bool):
        value = "true" if score.value else "false"
    step = f" of step {score.step}" if score.step else ""
    who = f"the agent {score.by}" if score.by_agent else score.by
    comment = f": {score.comment}" if score.comment else ""
    return one_line(f"{score.name} {value}{step}, by {who}{comment}")


def hold_text(hold: "Hold") -> str:
    """Return a hold as one line, such as ``by ann, since 2026-03-01 09:30: a lawsuit``."""
    of = "all of the tenant, " if hold.whole_tenant else ""
    reason = f": {hold.reason}" if hold.reason else ""
    return one_line(f"{of}by {hold.by}, since {hold.at.astimezone():%Y-%m-%d %H:%M}{reason}")


def _step_text(step: "RecentStep") -> str:
    if step.seconds is None:
        return one_line(f"{step.label}  {step.status}")
    return one_line(f"{step.label}  {step.status} in {step.seconds:.1f} s")


def _usage_text(usage: "Usage") -> str:
    return f"{usage.tokens_used:,} tokens, {usage.cost:.4f} $"


def _unknown_text(step: "OnceStep") -> str:
    label = step_label({"step": step.step, "number": step.number})
    begun = f"{step.begun_at.astimezone():%Y-%m-%d %H:%M:%S}"
    return f"whether step {label}, begun {begun}, took effect: perdure goals settle ({step.key})"


def _wait_text(wait: "WaitDetails") -> str:
    until = f", until {wait.until.astimezone():%Y-%m-%d %H:%M:%S}" if wait.until else ""
    about = numbered(repr(wait.about), wait.number)
    if wait.over:
        return f"its turn: {wait.kind.value} {about} is there"
    texts = {
        "approval": f"an answer to {about}{until}: perdure approvals show {wait.wait_id}",
        "delegate": f"the goal {wait.workflow_id} that it delegated to {wait.about}",
        "signal": f"the signal {wait.about!r}{until}",
    }
    return texts.get(wait.kind.value, f"a while{until}")
