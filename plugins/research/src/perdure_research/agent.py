"""The research agent; what does its work is imported when a goal begins."""

from collections.abc import AsyncIterator

from perdure.agents import Agent, Progress, Result, Run
from perdure_research.parameters import ResearchParameters


class ResearchAgent(Agent[ResearchParameters]):
    """Answers from sources by quoting them; delivers ``report.md`` and ``citations.json``."""

    def __init__(self, run: Run, parameters: ResearchParameters) -> None:
        super().__init__(run, parameters)
        # Every command imports this module; the rest takes longer than all of it.
        from perdure_research.research import Research

        self._research = Research(run, parameters)

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Do the research."""
        async for progress in self._research.execute_streaming(description):
            yield progress

    async def get_results(self) -> Result:
        """Return the answer, or what was read when there is none."""
        return await self._research.get_results()

    async def cleanup(self) -> None:
        """Let a thread that reads end, and close the index."""
        await self._research.cleanup()
