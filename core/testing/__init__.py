"""What authors test their agents with, without a server."""

from holdfast.agents.memory import MemoryJournal
from holdfast.testing.rehearsal import Rehearsal, rehearse

__all__ = ["MemoryJournal", "Rehearsal", "rehearse"]
