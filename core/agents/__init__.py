"""The public agent API: everything an agent's author imports.

Semantic versioning covers this package and :mod:`perdure.testing`; nothing deeper is promised.
"""

from perdure.agents.cache.run_cache import RunCache
from perdure.agents.commands.completed_command import CompletedCommand
from perdure.agents.decorator import agent
from perdure.agents.factory import AgentFactory
from perdure.agents.hookspecs import hookimpl
from perdure.agents.hookspecs.agent_class import Agent
from perdure.agents.hookspecs.agent_function import AgentFunction, FunctionAgent
from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.hookspecs.observer import Observer
from perdure.agents.input_file import InputFile
from perdure.agents.model_calls.answers import Answer, AnswerRefused
from perdure.agents.parameters import InputPath, ParametersRefused
from perdure.agents.plugins.registry import UnknownAgent
from perdure.agents.runs.run import Run
from perdure.agents.runs.run_notebook import Notebook, NotebookConflict
from perdure.agents.steps.errors import (
    BudgetExceeded,
    InputError,
    OutcomeUnknown,
    PermanentError,
    PolicyDenied,
    StepFailed,
    Throttled,
    TransientError,
)
from perdure.agents.steps.journal import NotebookEntry
from perdure.agents.web_client.client import WebClient
from perdure.agents.web_client.response import WebResponse
from perdure.models import (
    Artifact,
    Budget,
    Check,
    Decision,
    Event,
    Failure,
    Goal,
    PlannedGoal,
    Progress,
    Result,
    Usage,
    Vote,
)
from perdure.schemas.agents import AgentDescription

__all__ = [
    "Agent",
    "AgentDescription",
    "AgentFactory",
    "AgentFunction",
    "AgentSpec",
    "Answer",
    "AnswerRefused",
    "Artifact",
    "Budget",
    "BudgetExceeded",
    "Check",
    "CompletedCommand",
    "Decision",
    "Event",
    "Failure",
    "FunctionAgent",
    "Goal",
    "InputError",
    "InputFile",
    "InputPath",
    "Notebook",
    "NotebookConflict",
    "NotebookEntry",
    "Observer",
    "OutcomeUnknown",
    "ParametersRefused",
    "PermanentError",
    "PlannedGoal",
    "PolicyDenied",
    "Progress",
    "Result",
    "Run",
    "RunCache",
    "StepFailed",
    "Throttled",
    "TransientError",
    "UnknownAgent",
    "Usage",
    "Vote",
    "WebClient",
    "WebResponse",
    "agent",
    "hookimpl",
]
