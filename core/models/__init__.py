"""The data models: what is handed in, what is reported on the way, what comes out.

Every value that crosses a boundary (Temporal, HTTP, the stores, a plugin) is one of these models.
They import nothing else of Perdure, so that workflow code may use them.
"""

from perdure.models.approvals import Approval, Decision, Vote
from perdure.models.base import LastingModel, Model
from perdure.models.checks import Check
from perdure.models.events import Event, EventType, PlannedGoal, Progress
from perdure.models.failures import Failure, FailureKind
from perdure.models.goals import (
    AGENT_NAME_PATTERN,
    DEFAULT_POOL,
    DEFAULT_PRIORITY,
    MAX_AGENT_NAME_CHARACTERS,
    MAX_DESCRIPTION_CHARACTERS,
    MAX_PARAMETERS_BYTES,
    AgentName,
    Budget,
    Following,
    Goal,
    GoalContent,
    GoalId,
    GoalRecord,
    GoalStatus,
    Hold,
    Origin,
    Parameters,
    PoolName,
    SlotWait,
)
from perdure.models.results import Artifact, Result, ResultReference
from perdure.models.scores import Score, ScoreContent, ScoreValue
from perdure.models.tenants import DEFAULT_TENANT, TenantName
from perdure.models.texts import beginning
from perdure.models.usage import NO_USAGE, Spending, Usage

__all__ = [
    "AGENT_NAME_PATTERN",
    "DEFAULT_POOL",
    "DEFAULT_PRIORITY",
    "DEFAULT_TENANT",
    "MAX_AGENT_NAME_CHARACTERS",
    "MAX_DESCRIPTION_CHARACTERS",
    "MAX_PARAMETERS_BYTES",
    "NO_USAGE",
    "AgentName",
    "Approval",
    "Artifact",
    "Budget",
    "Check",
    "Decision",
    "Event",
    "EventType",
    "Failure",
    "FailureKind",
    "Following",
    "Goal",
    "GoalContent",
    "GoalId",
    "GoalRecord",
    "GoalStatus",
    "Hold",
    "LastingModel",
    "Model",
    "Origin",
    "Parameters",
    "PlannedGoal",
    "PoolName",
    "Progress",
    "Result",
    "ResultReference",
    "Score",
    "ScoreContent",
    "ScoreValue",
    "SlotWait",
    "Spending",
    "TenantName",
    "Usage",
    "Vote",
    "beginning",
]
