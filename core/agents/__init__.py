"""The public agent API: everything an agent's author imports.

Semantic versioning covers this package and :mod:`holdfast.testing`; nothing deeper is promised.
"""

from holdfast.agents.decorator import agent
from holdfast.agents.errors import (
    BudgetExceeded,
    InputError,
    OutcomeUnknown,
    PermanentError,
    StepFailed,
    Throttled,
    TransientError,
)
from holdfast.agents.factory import AgentFactory
from holdfast.agents.forms import Agent, AgentFunction, FunctionAgent
from holdfast.agents.hookspecs import hookimpl
from holdfast.agents.parameters import InputPath, ParametersRefused
from holdfast.agents.plugins.registry import UnknownAgent
from holdfast.agents.run import Run
from holdfast.agents.spec import AgentSpec, Observer
from holdfast.models import (
    Artifact,
    Budget,
    Check,
    Decision,
    Event,
    Failure,
    Goal,
    Progress,
    Result,
    Usage,
    Vote,
)

__all__ = [
    "Agent",
    "AgentFactory",
    "AgentFunction",
    "AgentSpec",
    "Artifact",
    "Budget",
    "BudgetExceeded",
    "Check",
    "Decision",
    "Event",
    "Failure",
    "FunctionAgent",
    "Goal",
    "InputError",
    "InputPath",
    "Observer",
    "OutcomeUnknown",
    "ParametersRefused",
    "PermanentError",
    "Progress",
    "Result",
    "Run",
    "StepFailed",
    "Throttled",
    "TransientError",
    "UnknownAgent",
    "Usage",
    "Vote",
    "agent",
    "hookimpl",
]
