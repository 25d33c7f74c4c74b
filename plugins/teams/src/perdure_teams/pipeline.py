"""``pipeline``: agents one after the other, each with the result of the one before."""

from typing import Self

from pydantic import Field, model_validator

from perdure.agents import InputError, Result
from perdure_teams.goals import MOST_GOALS, Node, TeamGoal, check_known, named
from perdure_teams.references import goals_named_in
from perdure_teams.team_agent import TeamAgent, TeamParameters


class PipelineParameters(TeamParameters):
    """The parameters of ``pipeline``."""

    steps: list[TeamGoal] = Field(
        min_length=1,
        max_length=MOST_GOALS,
        description="the goals in their order; an agent's name alone, or agent, name, description"
        " and parameters",
    )

    @model_validator(mode="after")
    def _follow_one_another(self) -> Self:
        try:
            chain(self.steps)
        except InputError as error:
            raise ValueError(str(error)) from error
        return self


def chain(steps: list[TeamGoal]) -> list[Node]:
    """Return the goals of a pipeline, each behind the one before and those that it names.

    Raises:
        InputError: A goal names the result of one that does not come before it.
    """
    nodes = named(steps)
    before: list[str] = []
    for place, node in enumerate(nodes):
        check_known(node, before)
        after = tuple(dict.fromkeys([*before[-1:], *node.after]))
        description = node.description
        if before and not goals_named_in([description, dict(node.parameters)]):
            description = f"{description or '${goal}'}\n\n{before[-1]}: ${{{before[-1]}}}"
        nodes[place] = Node(node.name, node.agent, description, node.parameters, after)
        before.append(node.name)
    return nodes


class Pipeline(TeamAgent[PipelineParameters]):
    """Hands the goal to one agent after the other."""

    async def work(self, description: str) -> Result:  # noqa: ARG002
        """Do the goals in their order; what the last one delivers is the result."""
        nodes = chain(self.parameters.steps)
        await self.team.check(nodes)
        await self.team.plan(nodes)
        for node in nodes:
            await self.team.do(node)
        last = self.team.results[nodes[-1].name]
        return await self.delivered(nodes[-1].name, last.summary, {"result": last.data})
