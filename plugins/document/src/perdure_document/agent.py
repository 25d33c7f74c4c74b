"""The document agent: what it does with documents is the parameter ``action``."""

from collections.abc import AsyncIterator
from typing import Final

from perdure.agents import Agent, Progress, Result, Run
from perdure_document.action import Action
from perdure_document.parameters import DocumentParameters


class DocumentAgent(Agent[DocumentParameters]):
    """Does with documents what the parameter ``action`` says."""

    def __init__(self, run: Run, parameters: DocumentParameters) -> None:
        super().__init__(run, parameters)
        self._action = _action(run, parameters)

    async def execute_streaming(
        self,
        description: str,  # noqa: ARG002 -- the run has it too
    ) -> AsyncIterator[Progress]:
        """Do what the action does; its own progress lies between the two given here."""
        files = self.parameters.files
        first = files[0].name + (f" and {len(files) - 1:,} more" if len(files) > 1 else "")
        yield Progress(percentage=0, message=f"looking at {first}")
        await self._action.execute()
        yield Progress(percentage=100, message=f"{_DONE[self.parameters.action]} {first}")

    async def get_results(self) -> Result:
        """Return the action's result, or as much of it as there is."""
        return self._action.result()

    async def cleanup(self) -> None:
        """End the processes that read."""
        await self._action.close()


_DONE: Final = {
    "extract": "extracted",
    "compare": "compared",
    "redact": "redacted",
    "fields": "looked for the fields in",
    "convert": "converted",
    "assemble": "assembled",
}


def _action(run: Run, parameters: DocumentParameters) -> Action:
    """Return what does the action that the parameters name; each imports its own libraries."""
    match parameters.action:
        case "compare":
            from perdure_document.comparison.comparison import Comparing

            return Comparing(run, parameters)
        case "redact":
            from perdure_document.redaction.redaction import Redacting

            return Redacting(run, parameters)
        case "fields":
            from perdure_document.lookup.lookup import FieldLookup

            return FieldLookup(run, parameters)
        case "convert":
            from perdure_document.conversion.conversion import Conversion

            return Conversion(run, parameters)
        case "assemble":
            from perdure_document.assembly.assembly import Assembly

            return Assembly(run, parameters)
        case _:
            from perdure_document.extraction.extraction import Extraction

            return Extraction(run, parameters)
