"""The document agent keeps the contract of every agent."""

from pathlib import Path

from perdure.testing import AgentContract

EXAMPLES = Path(__file__).parents[3] / "examples" / "document"


class TestPdf(AgentContract):
    agent = "document"
    description = "Extract and summarise the report"
    parameters = {"path": str(EXAMPLES / "report.pdf")}
    bad_parameters = ({"path": "/nowhere/report.pdf"},)


class TestWord(AgentContract):
    agent = "document"
    description = "What does the report say about costs?"
    parameters = {"path": str(EXAMPLES / "report.docx")}
