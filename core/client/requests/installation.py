"""Requests of the installation: its agents, plugins and workers, what it used, how it is."""

from dataclasses import replace
from datetime import datetime

from perdure.client.requests.request import Request, get
from perdure.models.usage import UsageGrouping, UsageReport
from perdure.schemas.agents import AgentList
from perdure.schemas.installation import Readiness, WorkerList
from perdure.schemas.plugins import PluginList


def agents() -> Request[AgentList]:
    """List the installed agents with their parameters, and the plugins that are not loaded."""
    return get(("api", "agents"), AgentList)


def plugins() -> Request[PluginList]:
    """List the installed plugins: status, agents, hooks, and why one is not loaded."""
    return get(("api", "plugins"), PluginList)


def workers() -> Request[WorkerList]:
    """List the workers: whether each is alive, its free slots, its version, its agents."""
    return get(("api", "workers"), WorkerList)


def usage(by: UsageGrouping = "day", *, since: datetime | None = None) -> Request[UsageReport]:
    """Sum up what goals have used.

    Args:
        by: What to sum up by; days are of UTC.
        since: What was used before is left out; thirty days ago when not given.
    """
    return get(("api", "usage"), UsageReport, by=by, since=since)


def readiness() -> Request[Readiness]:
    """Return whether goals can be started."""
    return replace(get(("readyz",), Readiness), statuses=frozenset({503}))
