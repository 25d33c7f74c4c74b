"""Showing how far a model's work with tools has come: which round, and what it does in it."""

from typing import Final, NamedTuple

from perdure.agents import Run

MOST_REQUESTS: Final = 40
_LONGEST: Final = 120


class Share(NamedTuple):
    """The part of a goal's progress that a piece of its work has, in percent.

    Attributes:
        begin: Where it begins.
        end: Where it ends.
    """

    begin: float
    end: float

    def at(self, part: float) -> float:
        """Return how far the goal has come when so much of the piece is done, from 0 to 1."""
        return round(self.begin + (self.end - self.begin) * min(1.0, part), 1)


class RoundProgress:
    """Reports each round of a model's work, a round being one request and the calls it makes."""

    def __init__(self, run: Run, share: Share) -> None:
        """Bind it to a run.

        Args:
            run: The run whose progress it is.
            share: What the rounds have of it.
        """
        self._run = run
        self._share = share
        self._round = 0

    async def begin_round(self) -> None:
        """Report that the model is asked once more."""
        self._round += 1
        await self.report("asking the model")

    async def report(self, what: str) -> None:
        """Report what is done in this round, in a few words; a model may have chosen some."""
        what = " ".join(what.split())
        if len(what) > _LONGEST:
            what = f"{what[:_LONGEST]}…"
        done = max(0, self._round - 1) / MOST_REQUESTS
        which = f"round {self._round} of at most {MOST_REQUESTS}"
        await self._run.progress(self._share.at(done), f"{which}: {what}")

    async def report_end(self, what: str) -> None:
        """Report what is done after the last round."""
        await self._run.progress(self._share.end, what)
