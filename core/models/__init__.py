"""The data models: what is handed in, what is reported on the way, what comes out.

Every value that crosses a boundary (Temporal, HTTP, the stores, a plugin) is one of these models.
They import nothing else of Perdure, so that workflow code may use them.
"""

from perdure.models.approvals import Approval, Decision, Vote
from perdure.models.base import LastingModel, Model
from perdure.models.checks import Check
from perdure.models.events import Event, EventType, Progress
from perdure.models.failures import Failure, FailureKind
from perdure.models.goals import (
    AGENT_NAME_PATTERN,
    MAX_DESCRIPTION_CHARACTERS,
    MAX_PARAMETERS_BYTES,
    AgentName,
    Budget,
    Goal,
    GoalId,
    GoalRecord,
    GoalStatus,
    Parameters,
)
from perdure.models.results import Artifact, Result, ResultReference
from perdure.models.usage import Spending, Usage

__all__ = [
    "AGENT_NAME_PATTERN",
    "MAX_DESCRIPTION_CHARACTERS",
    "MAX_PARAMETERS_BYTES",
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
    "Goal",
    "GoalId",
    "GoalRecord",
    "GoalStatus",
    "LastingModel",
    "Model",
    "Parameters",
    "Progress",
    "Result",
    "ResultReference",
    "Spending",
    "Usage",
    "Vote",
]
