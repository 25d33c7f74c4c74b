"""What this distribution brings to Perdure; imported by every command, so it imports little."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from perdure.agents import AgentSpec, Check, hookimpl
from perdure_teams.panel import Panel, PanelParameters
from perdure_teams.pipeline import Pipeline, PipelineParameters
from perdure_teams.plan_and_execute import PlanAndExecute, PlanParameters
from perdure_teams.supervisor import Supervisor, SupervisorParameters


@hookimpl
def register_agents() -> Iterable[AgentSpec]:
    """Bring the four teams."""
    return [
        AgentSpec(
            name="pipeline",
            description="Hands a goal to agents one after the other, each with the result before.",
            agent=Pipeline,
            examples=("Profile the sales, then summarise the profile",),
            parameters=PipelineParameters,
            check=check,
        ),
        AgentSpec(
            name="panel",
            description="Has several agents answer; a model, or their votes, decide which is best.",
            agent=Panel,
            examples=("What does a street tree cost the town a year?",),
            parameters=PanelParameters,
            check=check,
        ),
        AgentSpec(
            name="plan-and-execute",
            description="Has a model plan goals for agents, and runs what is ready in parallel.",
            agent=PlanAndExecute,
            examples=("Which region sold most in 2024, and what do street trees cost a year?",),
            parameters=PlanParameters,
            check=check,
        ),
        AgentSpec(
            name="supervisor",
            description="Has a model choose agents, one or several at a time, until it answers.",
            agent=Supervisor,
            examples=("Find out why the sales fell, and write it down for the board",),
            parameters=SupervisorParameters,
            check=check,
        ),
    ]


def check() -> Iterable[Check]:
    """Say whether there is what asks models, which all but ``pipeline`` may need."""
    part = "pydantic-ai-slim"
    try:
        yield Check(part=part, found=True, version=version(part), required=False)
    except PackageNotFoundError:
        yield Check(
            part=part,
            found=False,
            advice="for teams that ask a model: pip install 'perdure[models]'; set PERDURE_MODEL",
            required=False,
        )
