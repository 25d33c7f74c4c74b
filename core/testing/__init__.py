"""What authors test their agents with.

Semantic versioning covers what is named here. pytest loads a plugin from this package in every run,
so nothing is imported before it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from holdfast.agents.memory import MemoryJournal
    from holdfast.testing.contracts.broken import BrokenContract
    from holdfast.testing.contracts.contract import AgentContract
    from holdfast.testing.installation import GoalFailed, Installation
    from holdfast.testing.model_endpoint.script import (
        Asked,
        Reply,
        ToolCall,
        breaks_off,
        calls,
        garbles,
        keeps_silent,
        refuses,
        says,
    )
    from holdfast.testing.model_endpoint.server import ModelServer, Recorded
    from holdfast.testing.rehearsal import Rehearsal, StillWaiting, rehearse

__all__ = [
    "AgentContract",
    "Asked",
    "BrokenContract",
    "GoalFailed",
    "Installation",
    "MemoryJournal",
    "ModelServer",
    "Recorded",
    "Rehearsal",
    "Reply",
    "StillWaiting",
    "ToolCall",
    "breaks_off",
    "calls",
    "garbles",
    "keeps_silent",
    "refuses",
    "rehearse",
    "says",
]

_SCRIPT: Final = "holdfast.testing.model_endpoint.script"
_PLACES: Final = {
    "AgentContract": "holdfast.testing.contracts.contract",
    "Asked": _SCRIPT,
    "BrokenContract": "holdfast.testing.contracts.broken",
    "GoalFailed": "holdfast.testing.installation",
    "Installation": "holdfast.testing.installation",
    "MemoryJournal": "holdfast.agents.memory",
    "ModelServer": "holdfast.testing.model_endpoint.server",
    "Recorded": "holdfast.testing.model_endpoint.server",
    "Rehearsal": "holdfast.testing.rehearsal",
    "Reply": _SCRIPT,
    "StillWaiting": "holdfast.testing.rehearsal",
    "ToolCall": _SCRIPT,
    "breaks_off": _SCRIPT,
    "calls": _SCRIPT,
    "garbles": _SCRIPT,
    "keeps_silent": _SCRIPT,
    "refuses": _SCRIPT,
    "rehearse": "holdfast.testing.rehearsal",
    "says": _SCRIPT,
}


def __getattr__(name: str) -> object:
    """Import what is named here when it is used first."""
    try:
        place = _PLACES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value: object = getattr(import_module(place), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
