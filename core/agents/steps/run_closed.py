"""The reasons why a run is closed to its agent before the agent has ended.

They derive from :class:`BaseException`, so that an agent that catches every :class:`Exception` does
not catch them. One that does so all the same gets no further: every later call on its run raises
again.
"""


class RunClosed(BaseException):
    """The run accepts no further calls of its agent."""


class Suspended(RunClosed):
    """The run is parked: it waits for something, and occupies no worker meanwhile."""


class Interrupted(RunClosed):
    """The run goes on later or elsewhere: its worker is stopping, or it was paused."""


class Cancelled(RunClosed):
    """Somebody asked the run to stop."""


class Stalled(RunClosed):
    """The agent made no progress for too long."""


class OutOfTime(RunClosed):
    """The goal has worked for as long as its budget allows."""


class StepTooLong(RunClosed):
    """One step takes longer than an execution may, so that doing it again cannot help."""


class Fenced(RunClosed):
    """A later execution of the run has taken over, or the run has ended."""


class Ended(Fenced):
    """The run has ended and its result is stored."""


class JournalFailed(RunClosed):
    """The journal cannot be written; the run goes on when it can."""
