"""What every task of the agent does."""

from collections.abc import AsyncIterator
from typing import Protocol

from perdure.agents import Progress, Result


class Task(Protocol):
    """One thing that can be done with a repository."""

    def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Do it."""
        ...

    async def get_results(self) -> Result:
        """Return what came of it, or as much of it as there is."""
        ...
