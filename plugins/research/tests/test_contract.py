"""The research agent keeps the contract of every agent."""

from pathlib import Path

from perdure.testing import AgentContract

EXAMPLES = Path(__file__).parents[3] / "examples" / "research"


class TestResearch(AgentContract):
    agent = "research"
    description = "Why do long-running agents lose work, and what prevents it?"
    parameters = {"sources": [str(EXAMPLES)]}
    bad_parameters = (
        {"sources": []},
        {"sources": ["/nowhere/notes"]},
        {"sources": [str(EXAMPLES)], "depth": "endless"},
    )
