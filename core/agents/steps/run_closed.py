"""Why a run is closed to its agent before the agent has ended.

These are no :class:`Exception`: an agent that catches everything must not catch them. One that does
all the same gets no further, for the run stays closed: every later call on it raises again.
"""


class RunClosed(BaseException):
    """The run takes nothing more from its agent."""


class Suspended(RunClosed):
    """The run waits for something, and no worker is held meanwhile."""


class Interrupted(RunClosed):
    """The run goes on later or elsewhere: its worker is stopping, or it was paused."""


class Cancelled(RunClosed):
    """Somebody asked the run to stop."""


class Stalled(RunClosed):
    """The agent made no progress for too long."""


class OutOfTime(RunClosed):
    """The goal was at work for as long as its budget allows."""


class StepTooLong(RunClosed):
    """One step takes longer than an execution may, so that doing it again cannot help."""


class Fenced(RunClosed):
    """A later execution of the run has taken over, or the run has ended."""


class Ended(Fenced):
    """The run has ended, and its result is stored: nothing can follow."""


class JournalFailed(RunClosed):
    """The journal does not take what was done; the run goes on when it does."""
