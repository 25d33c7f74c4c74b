"""The parameters of the document agent."""

from pydantic import BaseModel, ConfigDict, Field

from perdure.agents import InputPath


class DocumentParameters(BaseModel):
    """The parameters of a goal for the ``document`` agent.

    Attributes:
        path: The file to extract, as the worker sees it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: InputPath = Field(
        description="PDF, Office, HTML, Markdown or text file, as the worker sees it"
    )
