"""The public agent API: everything an agent's author imports.

Semantic versioning covers this package and :mod:`holdfast.testing`; nothing deeper is promised.
"""

from holdfast.agents.agent import Agent, AgentFunction, FunctionAgent
from holdfast.agents.errors import InputError, PermanentError, StepFailed
from holdfast.agents.factory import AgentFactory
from holdfast.agents.hookspecs import hookimpl
from holdfast.agents.parameters import InputPath, ParametersRefused
from holdfast.agents.registry import UnknownAgent
from holdfast.agents.run import Run
from holdfast.agents.spec import AgentSpec, Observer
from holdfast.models import Artifact, Check, Event, Failure, Goal, Progress, Result, Usage

__all__ = [
    "Agent",
    "AgentFactory",
    "AgentFunction",
    "AgentSpec",
    "Artifact",
    "Check",
    "Event",
    "Failure",
    "FunctionAgent",
    "Goal",
    "InputError",
    "InputPath",
    "Observer",
    "ParametersRefused",
    "PermanentError",
    "Progress",
    "Result",
    "Run",
    "StepFailed",
    "UnknownAgent",
    "Usage",
    "hookimpl",
]
