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
            description="Extracts, summarises, compares and redacts documents, and fills schemas.",
            agent=DocumentAgent,
            parameters=DocumentParameters,
            examples=("Extract and summarise the report", "What do the slides say about costs?"),
            check=check,
        )
    ]


def check() -> Iterable[Check]:
    """Say which of the libraries that read documents are there, without importing them."""
    for part in (
        *("babel", "charset-normalizer", "docling-slim", "lxml", "markdown-it-py"),
        *("mdit-py-plugins", "openpyxl", "pikepdf", "pypdfium2", "python-docx"),
        *("python-oxmsg", "python-pptx", "typst"),
    ):
        try:
            found = version(part)
        except PackageNotFoundError:
            yield Check(part=part, found=False, advice="pip install --upgrade perdure-document")
        else:
            yield Check(part=part, found=True, version=found)
    for part in ("rapidocr", "onnxruntime"):
        try:
            yield Check(part=part, found=True, version=version(part), required=False)
        except PackageNotFoundError:
            yield Check(
                part=part,
                found=False,
                advice="for text in scans: pip install 'perdure-document[ocr]'",
                required=False,
            )
