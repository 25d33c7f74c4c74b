"""How an installation stands: goals, agents, spending, workers; printed once as plain text."""

from datetime import datetime

import click

from perdure.cli.output.event_text import one_line
from perdure.cli.output.printing import print_table
from perdure.models import GoalRecord, Model
from perdure.models.usage import UsageGroup
from perdure.models.workers import WorkerRecord
from perdure.timelines.figures import age, money


class AgentOverview(Model):
    """What an agent's goals do and cost.

    Attributes:
        agent: The agent.
        running: How many of the goals that are shown run.
        waiting: How many of them wait or are paused.
        today: How many goals were started today.
        cost: US dollars spent today; ``None`` when the price is not known.
    """

    agent: str
    running: int = 0
    waiting: int = 0
    today: int = 0
    cost: float | None = 0.0


class Overview(Model):
    """How an installation stands; a day is one of UTC.

    Attributes:
        at: When it was read, in UTC.
        running: How many goals run.
        waiting: How many wait or are paused.
        failed_today: How many have failed today.
        spent_today: What was used of models today.
        spent_last_hour: What was used in the last hour.
        agents: The agents that have goals under way or had some today, the busiest first.
        goals: The goals under way, those that run first, at most a hundred.
        failures: The newest goals that have failed today.
        workers: The worker processes.
    """

    at: datetime
    running: int
    waiting: int
    failed_today: int
    spent_today: UsageGroup
    spent_last_hour: UsageGroup
    agents: tuple[AgentOverview, ...]
    goals: tuple[GoalRecord, ...]
    failures: tuple[GoalRecord, ...]
    workers: tuple[WorkerRecord, ...]


def goals_text(overview: Overview) -> str:
    """Return how many goals there are."""
    return (
        f"{overview.running:,} running, {overview.waiting:,} waiting,"
        f" {overview.failed_today:,} failed today"
    )


def spent_text(overview: Overview) -> str:
    """Return what was spent."""
    today, hour = overview.spent_today.spent.cost, overview.spent_last_hour.spent.cost
    return f"{money(today)} today, {money(hour)} in the last hour"


def workers_text(overview: Overview) -> str:
    """Return how many workers there are, and how busy they are."""
    alive = [worker for worker in overview.workers if worker.alive]
    if not alive:
        return "none is alive"
    lost = len(overview.workers) - len(alive)
    used, slots = sum(one.used for one in alive), sum(one.slots for one in alive)
    return f"{len(alive):,} alive, {used:,} of {slots:,} slots" + (f", {lost:,} lost" * bool(lost))


def activity_text(goal: GoalRecord) -> str:
    """Return what a goal is at: its last progress, else what was asked; in one line."""
    if goal.error is not None:
        return one_line(goal.error.message)
    if goal.progress is not None and goal.progress.message:
        return one_line(goal.progress.message)
    return one_line(goal.description)


def percentage_text(goal: GoalRecord) -> str:
    """Return how far a goal says that it is; empty when it has not said."""
    return f"{goal.progress.percentage:.0f} %" if goal.progress is not None else ""


def agent_cells(agent: AgentOverview) -> list[str]:
    """Return an agent as cells of a table."""
    return [
        one_line(agent.agent),
        f"{agent.running:,}",
        f"{agent.waiting:,}",
        f"{agent.today:,}",
        money(agent.cost),
    ]


AGENT_COLUMNS = ("agent", "running", "waiting", "today", "spent")


def print_overview(overview: Overview) -> None:
    """Print an overview once."""
    click.echo(f"goals    {goals_text(overview)}")
    click.echo(f"spent    {spent_text(overview)}")
    click.echo(f"workers  {workers_text(overview)}")
    goals = (*overview.goals, *overview.failures)
    if goals:
        click.echo()
        print_table(
            ["workflow id", "agent", "status", "for", "progress", "at"],
            [
                [
                    goal.workflow_id,
                    goal.agent_type,
                    goal.status.value,
                    age(goal.started_at, goal.ended_at or overview.at),
                    percentage_text(goal),
                    activity_text(goal)[:80],
                ]
                for goal in goals
            ],
        )
    if overview.agents:
        click.echo()
        print_table(AGENT_COLUMNS, [agent_cells(agent) for agent in overview.agents])
    if overview.workers:
        click.echo()
        print_table(
            ["worker", "status", "slots"],
            [
                [
                    worker.identity,
                    "alive" if worker.alive else "lost",
                    f"{worker.used} of {worker.slots}",
                ]
                for worker in overview.workers
            ],
        )
