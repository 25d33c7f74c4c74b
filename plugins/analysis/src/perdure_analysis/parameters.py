"""The parameters of the analysis agent."""

from pydantic import BaseModel, ConfigDict, Field

from perdure.agents import InputPath


class AnalysisParameters(BaseModel):
    """The parameters of a goal for the ``analysis`` agent.

    Attributes:
        path: The file to profile, as the worker sees it.
        table: Which table of an SQLite database.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: InputPath = Field(description="CSV, Parquet, JSON or SQLite file, as the worker sees it")
    table: str | None = Field(
        default=None,
        min_length=1,
        description="table or view to profile, for an SQLite database that holds several",
    )
