"""The parameters of the research agent."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from perdure.agents import InputPath

Depth = Literal["quick", "standard", "comprehensive"]


class ResearchParameters(BaseModel):
    """The parameters of a goal for the ``research`` agent.

    Attributes:
        sources: What to read, as the worker sees it.
        depth: How much to read and to quote.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: list[InputPath] = Field(
        default=[],
        description=(
            "folders, files (text, Markdown, HTML, PDF) or http(s) URLs to answer from; relative"
            " paths count from the worker's working directory"
        ),
    )
    depth: Depth = Field(
        default="standard",
        description=(
            "how much to read and to quote: quick (25 sources, 3 quotes), standard (200, 6),"
            " comprehensive (1000, 12)"
        ),
    )
