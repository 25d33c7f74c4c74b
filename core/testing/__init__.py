"""What authors test their agents with, without a server."""

from holdfast.testing.rehearsal import Rehearsal, rehearse

__all__ = ["Rehearsal", "rehearse"]
