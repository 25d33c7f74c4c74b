"""What the document agent is told."""

from pydantic import BaseModel, ConfigDict, Field


class DocumentParameters(BaseModel):
    """The parameters of a goal for the ``document`` agent.

    Attributes:
        path: The file to extract, as the worker sees it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(
        min_length=1,
        description="PDF, Office, HTML, Markdown or text file, as the worker sees it",
        json_schema_extra={"format": "path"},
    )
