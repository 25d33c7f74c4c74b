"""The parameters of the research agent."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# A path or a URL. As a path it is made absolute by the command line.
SourceName = Annotated[str, Field(min_length=1, json_schema_extra={"format": "path"})]
Depth = Literal["quick", "standard", "comprehensive"]
ProviderName = Literal["searxng", "duckduckgo", "tavily"]


class ResearchParameters(BaseModel):
    """The parameters of a goal for the ``research`` agent.

    Attributes:
        sources: What to read, as the worker sees it.
        search: Who searches the web for more.
        depth: How much to read and to quote.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: list[SourceName] = Field(
        default=[],
        description=(
            "folders, files, patterns such as notes/**/*.md, or http(s) URLs to answer from;"
            " relative paths count from the worker's working directory"
        ),
    )
    search: list[ProviderName] = Field(
        default=[],
        description=(
            "who searches the web for further pages: searxng (its address in SEARXNG_URL),"
            " duckduckgo, tavily (its key in TAVILY_API_KEY), as the worker's environment has them"
        ),
    )
    depth: Depth = Field(
        default="standard",
        description=(
            "how much to read and to quote: quick (500 files, 25 pages, 3 quotes), standard (5000,"
            " 100, 6), comprehensive (20000, 500, 12)"
        ),
    )
