"""What commands need of what they work on: the same here as on a server."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pydantic import JsonValue

    from perdure.cli.backends.batches import Batches
    from perdure.cli.backends.schedules import Schedules
    from perdure.models import (
        Budget,
        Event,
        Goal,
        GoalRecord,
        GoalStatus,
        Hold,
        Parameters,
        Score,
        ScoreContent,
    )
    from perdure.models.usage import UsageGrouping, UsageReport
    from perdure.models.workers import WorkerRecord
    from perdure.schemas.access import KeyRecord, StoredAuditEntry
    from perdure.schemas.agents import AgentList
    from perdure.schemas.approvals import ApprovalRecord
    from perdure.schemas.control import RunAgainResponse
    from perdure.schemas.many_goals import GoalFilter, ManyGoalsResponse
    from perdure.schemas.notebook.records import NotebookRecord
    from perdure.schemas.plugins import Plugin
    from perdure.schemas.steps import GoalDetails, OnceStep
    from perdure.schemas.timelines import Timeline


class Control(Protocol):
    """Starts goals and controls their runs; Temporal has to be there for it.

    Each method raises what the service of goals does, or an error of the client.

    Attributes:
        outlives_command: Whether the goals go on when this command ends.
    """

    @property
    def outlives_command(self) -> bool: ...  # noqa: D102 -- an attribute

    async def start(self, goal: "Goal") -> str:
        """Start a goal, and return its workflow id."""

    async def run_again(
        self,
        workflow_id: str,
        *,
        by: str,
        from_step: str | None,
        description: str | None,
        parameters: "Parameters | None",
        budget: "Budget | None",
    ) -> "RunAgainResponse":
        """Start a new run of a run's goal."""

    async def cancel(self, workflow_id: str) -> str:
        """Ask a run to stop, and return ``cancelling`` or the final status that it has."""

    async def pause(self, workflow_id: str) -> None:
        """Pause a run at its next step boundary."""

    async def resume(self, workflow_id: str) -> None:
        """Let a paused run go on."""

    async def terminate(self, workflow_id: str, reason: str) -> str:
        """End a run at once, and return its status."""

    async def retry(self, workflow_id: str) -> None:
        """Let a run go on from its journal."""

    async def retry_all(self, agent_type: str | None) -> list[str]:
        """Retry every goal that failed, or every one of an agent, and return the runs."""

    async def cancel_many(self, runs: "Sequence[str] | GoalFilter") -> "ManyGoalsResponse":
        """Cancel the runs that are named, or those that a filter fits."""

    async def retry_many(self, runs: "Sequence[str] | GoalFilter") -> "ManyGoalsResponse":
        """Retry the runs that are named, or those that a filter fits."""

    async def missing_pool(self, workflow_id: str) -> str | None:
        """Return the pool that is to run a goal, where no worker of it is there."""

    async def watch(self, workflow_id: str, name: str, *, quiet: bool) -> bool:
        """Show a run under a name to its end.

        Returns:
            Whether it ended; ``False`` when Ctrl-C or SIGTERM came first.
        """

    async def watch_when_temporary(self, workflow_ids: Sequence[str], *, quiet: bool) -> None:
        """Show runs to their end, one by one, if no other process would go on with them."""


class Backend(Protocol):
    """Reads what is on record, and takes what people say; Temporal need not be there for it.

    Each method raises what the stores do, or an error of the client.
    """

    def control(self, *, lasting: bool = False) -> AbstractAsyncContextManager[Control]:
        """Return what starts and controls goals, for as long as the block runs.

        Args:
            lasting: Goals have to go on when the command ends.
        """

    def schedules(self) -> "AbstractAsyncContextManager[Schedules]":
        """Return what creates and controls schedules, for as long as the block runs."""

    def batches(self, *, lasting: bool = False) -> "AbstractAsyncContextManager[Batches]":
        """Return what hands in, shows and controls batches, for as long as the block runs.

        Args:
            lasting: Batches have to go on when the command ends.
        """

    async def find_goal(self, name: str) -> str:
        """Return the workflow id of the run that a person named."""

    async def goal(self, workflow_id: str) -> "GoalRecord":
        """Return a run's record."""

    async def goal_details(self, workflow_id: str) -> "GoalDetails":
        """Return a run's last steps, spending, waits, and steps of unknown outcome."""

    async def timeline(self, workflow_id: str) -> "Timeline":
        """Return what a run did when, and what that cost."""

    def notebook(self, workflow_id: str) -> "AsyncIterator[NotebookRecord]":
        """Yield what stands in the notebook of a run's tree, by key."""

    async def goals(
        self, criteria: "GoalFilter", *, tenant: str | None, limit: int
    ) -> "list[GoalRecord]":
        """Return runs, newest first."""

    async def goal_counts(self, criteria: "GoalFilter") -> "Mapping[GoalStatus, int]":
        """Return how many runs have each status that any has."""

    async def read_params(self, agent_type: str, params: "Sequence[str]") -> "Parameters":
        """Return ``NAME=VALUE`` pairs as an agent's parameters, whether or not others are missing.

        Raises:
            WrongParameter: A parameter cannot be read.
        """

    async def prepare_goal(
        self,
        agent_type: str,
        description: str,
        *,
        params: Sequence[str],
        goal_id: str,
        budget: "Budget | None",
        pool: str | None,
        priority: int,
    ) -> "Goal":
        """Return the goal that a command line describes, with its files where the agent finds them.

        Args:
            agent_type: The agent.
            description: What it is to achieve.
            params: ``NAME=VALUE`` each.
            goal_id: The goal's name.
            budget: What it may use at most.
            pool: The pool of workers that is to run it.
            priority: Before which others it goes: 1 first, 5 last.

        Raises:
            UnknownAgent: There is no such agent.
            WrongParameter: A parameter cannot be read.
        """

    def events(self, workflow_id: str, after: int = 0) -> "AsyncIterator[Event]":
        """Yield a run's events until it has ended."""

    async def save_artifacts(self, record: "GoalRecord", folder: Path) -> None:
        """Write a run's files into a folder.

        Raises:
            OSError: The folder cannot be written.
        """

    async def signal(self, workflow_id: str, name: str, data: "JsonValue") -> int:
        """Send a run a signal, and return its number among those of its name."""

    async def settle(
        self, workflow_id: str, step: str, *, by: str, done: bool, value: "JsonValue"
    ) -> "OnceStep":
        """Say whether a step of unknown outcome took effect."""

    async def delete_goal(self, workflow_id: str) -> None:
        """Delete a run that has ended, with its delegates."""

    async def hold(self, workflow_id: str, reason: str) -> "Hold":
        """Keep a run from being deleted."""

    async def release(self, workflow_id: str) -> None:
        """Release a run that was held."""

    async def hold_tenant(self, tenant: str | None, reason: str) -> "Hold":
        """Keep all of a tenant's goals from being deleted; the default tenant's for ``None``."""

    async def release_tenant(self, tenant: str | None) -> None:
        """Release a tenant's goals."""

    async def holds(self) -> "Sequence[Hold]":
        """Return what is held, the newest first."""

    async def score(self, workflow_id: str, content: "ScoreContent", *, by: str | None) -> "Score":
        """Put a score on a run, in the own name when none is given."""

    async def find_approval(self, name: str) -> str:
        """Return the id of the approval that a person named."""

    async def approval(self, approval_id: str) -> "ApprovalRecord":
        """Return an approval."""

    async def approvals(self, *, decided_too: bool) -> "list[ApprovalRecord]":
        """Return the newest 500 approvals, those that are open or all."""

    async def vote(
        self, approval_id: str, *, by: str, approved: bool, reason: str
    ) -> "ApprovalRecord":
        """Vote on an approval."""

    async def agents(self, only: str | None) -> "AgentList":
        """Return the installed agents, or the one of a name.

        Raises:
            UnknownAgent: There is none of that name.
        """

    async def plugins(self) -> "Sequence[Plugin]":
        """Return the installed plugins."""

    async def workers(self) -> "list[WorkerRecord]":
        """Return the workers."""

    async def usage(self, since: datetime, by: "UsageGrouping") -> "UsageReport":
        """Return what goals have used."""

    async def keys(self, tenant: str | None) -> "list[KeyRecord]":
        """Return the newest keys."""

    async def create_key(
        self,
        name: str,
        scopes: Collection[str],
        *,
        tenant: str | None,
        expires_at: datetime | None,
    ) -> "tuple[str, KeyRecord]":
        """Make a key, and return it with its record."""

    async def revoke_key(self, key_id: str) -> "KeyRecord":
        """Revoke a key."""

    async def audit(
        self,
        tenant: str | None,
        *,
        action: str | None,
        who: str | None,
        subject: str | None,
        limit: int,
        before: int | None,
    ) -> "list[StoredAuditEntry]":
        """Return who did what, newest first."""

    def audit_export(self, tenant: str | None) -> "AsyncIterator[bytes]":
        """Yield the lines of an export of the audit trail, in pieces of any length."""
