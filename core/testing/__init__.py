"""The kit that authors test their agents with.

Semantic versioning covers what is named here. pytest loads a plugin from this package in every run,
so nothing is imported before it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from perdure.agents.steps.memory import MemoryJournal, MemoryNotebook
    from perdure.schemas.replays.replay import Replay
    from perdure.testing.contracts.contract import AgentContract
    from perdure.testing.contracts.errors import BrokenContract
    from perdure.testing.installation import GoalFailed, Installation
    from perdure.testing.model_endpoint.request_log import RecordedRequest
    from perdure.testing.model_endpoint.script import (
        ChatRequest,
        Reply,
        ToolCall,
        breaks_off,
        calls,
        garbles,
        keeps_silent,
        refuses,
        says,
    )
    from perdure.testing.model_endpoint.server import ModelServer
    from perdure.testing.rehearsal import Rehearsal, StillWaiting, rehearse
    from perdure.testing.replays import replay

__all__ = [
    "AgentContract",
    "BrokenContract",
    "ChatRequest",
    "GoalFailed",
    "Installation",
    "MemoryJournal",
    "MemoryNotebook",
    "ModelServer",
    "RecordedRequest",
    "Rehearsal",
    "Replay",
    "Reply",
    "StillWaiting",
    "ToolCall",
    "breaks_off",
    "calls",
    "garbles",
    "keeps_silent",
    "refuses",
    "rehearse",
    "replay",
    "says",
]

_SCRIPT: Final = "perdure.testing.model_endpoint.script"
_MODULES: Final = {
    "AgentContract": "perdure.testing.contracts.contract",
    "ChatRequest": _SCRIPT,
    "BrokenContract": "perdure.testing.contracts.errors",
    "GoalFailed": "perdure.testing.installation",
    "Installation": "perdure.testing.installation",
    "MemoryJournal": "perdure.agents.steps.memory",
    "MemoryNotebook": "perdure.agents.steps.memory",
    "ModelServer": "perdure.testing.model_endpoint.server",
    "RecordedRequest": "perdure.testing.model_endpoint.request_log",
    "Rehearsal": "perdure.testing.rehearsal",
    "Replay": "perdure.schemas.replays.replay",
    "Reply": _SCRIPT,
    "StillWaiting": "perdure.testing.rehearsal",
    "ToolCall": _SCRIPT,
    "breaks_off": _SCRIPT,
    "calls": _SCRIPT,
    "garbles": _SCRIPT,
    "keeps_silent": _SCRIPT,
    "refuses": _SCRIPT,
    "rehearse": "perdure.testing.rehearsal",
    "replay": "perdure.testing.replays",
    "says": _SCRIPT,
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    try:
        module = _MODULES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value: object = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
