"""The analysis agent; what does its work is imported when a goal begins."""

from collections.abc import AsyncIterator

from perdure.agents import Agent, Progress, Result, Run
from perdure_analysis.parameters import AnalysisParameters


class AnalysisAgent(Agent[AnalysisParameters]):
    """Profiles a table, answers the questions in the goal's words, and delivers a report."""

    def __init__(self, run: Run, parameters: AnalysisParameters) -> None:
        super().__init__(run, parameters)
        # Every command imports this module; the rest takes longer than all other plugins together.
        from perdure_analysis.analysis import Analysis

        self._analysis = Analysis(run, parameters)

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Do the analysis."""
        async for progress in self._analysis.execute_streaming(description):
            yield progress

    async def get_results(self) -> Result:
        """Return the analysis's result, or as much of it as there is."""
        return await self._analysis.get_results()

    async def cleanup(self) -> None:
        """Stop a query under way and remove the database."""
        await self._analysis.cleanup()
