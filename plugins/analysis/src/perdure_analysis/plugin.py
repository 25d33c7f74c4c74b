"""What this distribution brings to Perdure; imported by every command, so it imports little."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from perdure.agents import AgentSpec, Check, hookimpl
from perdure_analysis.agent import AnalysisAgent
from perdure_analysis.parameters import AnalysisParameters


@hookimpl
def register_agents() -> Iterable[AgentSpec]:
    """Bring the ``analysis`` agent."""
    return [
        AgentSpec(
            name="analysis",
            description="Profiles tables of files and databases, and answers questions about them.",
            agent=AnalysisAgent,
            parameters=AnalysisParameters,
            examples=("Profile the sales", "Which region sold most in 2024?"),
            check=check,
        )
    ]


def check() -> Iterable[Check]:
    """Say which of the libraries that do the work are there, without importing them."""
    for part in (
        *("duckdb", "altair", "vl-convert-python", "python-calamine", "olefile"),
        "markdown-it-py",
    ):
        try:
            found = version(part)
        except PackageNotFoundError:
            yield Check(part=part, found=False, advice="pip install --upgrade perdure-analysis")
        else:
            yield Check(part=part, found=True, version=found)
