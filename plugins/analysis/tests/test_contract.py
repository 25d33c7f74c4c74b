"""The analysis agent keeps the contract of every agent."""

from pathlib import Path

from perdure.testing import AgentContract

SALES = Path(__file__).parents[3] / "examples" / "analysis" / "sales.csv"


class TestAnalysis(AgentContract):
    agent = "analysis"
    description = "Profile the sales"
    parameters = {"path": str(SALES)}
    bad_parameters = ({"path": "/nowhere/sales.csv"}, {"path": str(SALES), "table": "orders"})


class TestQuestions(AgentContract):
    agent = "analysis"
    description = "Which region sold most in 2024? What is the average prise?"
    parameters = {"path": str(SALES)}
    bad_parameters = ({"path": "/nowhere/sales.csv"},)
