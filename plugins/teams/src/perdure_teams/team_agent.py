"""The base of the agents that are teams: what they have in common at work and at their end."""

from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from perdure.agents import Agent, InputPath, PermanentError, Progress, Result
from perdure_teams.team import Team


class TeamParameters(BaseModel):
    """What every team takes."""

    model_config = ConfigDict(extra="forbid")

    files: list[InputPath] = Field(
        default_factory=list, description="files and folders that its agents may read"
    )


P = TypeVar("P", bound=TeamParameters)


class TeamAgent(Agent[P]):
    """A team: it delegates, and its result is made of those of its goals."""

    team: Team
    result: Result | None = None

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Have the team work, and keep what became of its goals."""
        yield Progress(percentage=0, message="checks the team")
        async with Team(
            self.run, description, self.parameters.files, self.goals_expected()
        ) as self.team:
            self.result = await self.work(description)
        yield Progress(percentage=100, message="done")

    @abstractmethod
    async def work(self, description: str) -> Result:
        """Do the work of the team and return its result."""

    def goals_expected(self) -> int:
        """Return how many goals there will be; 0 where that is not known."""
        return 0

    async def get_results(self) -> Result:
        """Return the result; of a team that did not come to one, what its goals have delivered."""
        if self.result is not None:
            return self.result
        return Result(data={"goals": self._goals()}) if self._goals() else Result()

    async def needs_model(self, for_what: str) -> None:
        """Check that a model is named.

        Raises:
            PermanentError: None is.
        """
        if not await self.run.has_model():
            raise PermanentError(
                f"{for_what} needs a model, and there is none: set PERDURE_MODEL, such as"
                " openai:gpt-4o-mini, and its key, after pip install 'perdure[models]'"
            )

    async def delivered(
        self, name: str, summary: str, data: dict[str, JsonValue] | None = None
    ) -> Result:
        """Return the team's result: a goal's files, with a summary and what became of each goal.

        Args:
            name: The goal whose files the team delivers.
            summary: The result's summary.
            data: The rest of its data.
        """
        left = await self.team.keep_files(name)
        more: dict[str, JsonValue] = {"files_left": [*left]} if left else {}
        return Result(summary=summary, data={**(data or {}), "goals": self._goals(), **more})

    def _goals(self) -> list[JsonValue]:
        return self.team.told() if hasattr(self, "team") else []
