"""What every action of the agent has in common."""

from abc import ABC, abstractmethod

from perdure.agents import Result, Run
from perdure_document.collection import Collection
from perdure_document.parameters import DocumentParameters


class Action(ABC):
    """One thing that the agent does with documents; made anew for each execution.

    Attributes:
        run: The goal's run.
        parameters: The goal's parameters.
        collection: Its files: those that were read, and those that could not be.
    """

    def __init__(self, run: Run, parameters: DocumentParameters) -> None:
        self.run = run
        self.parameters = parameters
        self.collection = Collection(run, parameters.files)

    @abstractmethod
    async def execute(self) -> None:
        """Do it, emitting progress between 0 and 100.

        Raises:
            StepFailed: A file is refused without which it cannot be done, or the worker failed.
            InputError: None of the files can be used.
        """

    async def close(self) -> None:
        """End what reads its files."""
        await self.collection.close()

    @abstractmethod
    def result(self) -> Result:
        """Return what there is by now: everything, or a part when it was cancelled."""
