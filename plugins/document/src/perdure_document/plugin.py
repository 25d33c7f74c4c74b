"""What this distribution brings to Perdure; imported by every command, so it imports little."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from perdure.agents import AgentSpec, Check, hookimpl
from perdure_document.agent import DocumentAgent
from perdure_document.parameters import DocumentParameters


@hookimpl
def register_agents() -> Iterable[AgentSpec]:
    """Bring the ``document`` agent."""
    return [
        AgentSpec(
            name="document",
            description="Extracts a PDF, Office, HTML or text file as Markdown and summarises it.",
            agent=DocumentAgent,
            parameters=DocumentParameters,
            examples=("Extract and summarise the report", "What do the slides say about costs?"),
            check=check,
        )
    ]


def check() -> Iterable[Check]:
    """Say which of the libraries that read documents are there, without importing them."""
    for part in ("pypdfium2", "python-docx", "python-pptx", "openpyxl", "lxml"):
        try:
            found = version(part)
        except PackageNotFoundError:
            yield Check(part=part, found=False, advice="pip install --upgrade perdure-document")
        else:
            yield Check(part=part, found=True, version=found)
