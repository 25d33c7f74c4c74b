"""What authors test their agents with, without a server."""

from holdfast.agents.memory import MemoryJournal
from holdfast.testing.model_script import (
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
from holdfast.testing.model_server import ModelServer, Recorded
from holdfast.testing.rehearsal import Rehearsal, StillWaiting, rehearse

__all__ = [
    "Asked",
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
