"""The parameters of the analysis agent."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from perdure.agents import InputPath


class AnalysisParameters(BaseModel):
    """The parameters of a goal for the ``analysis`` agent: ``path``, ``paths``, or both.

    Attributes:
        path: The file to profile, as the worker sees it.
        paths: Several files: put below each other where their columns are the same, else joined.
        table: Which table of a file that holds several.
        keys: Columns to join several files by, such as ``customer_id``, or ``customer_id=id``
            where the files' names for it differ.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: InputPath | None = Field(
        default=None, description="file with the table, as the worker sees it"
    )
    paths: tuple[InputPath, ...] = Field(
        default=(), description="several files: the same table in parts, or tables to join"
    )
    table: str | None = Field(
        default=None,
        min_length=1,
        description="table to profile, for a database, workbook or archive that holds several",
    )
    keys: tuple[str, ...] = Field(
        default=(), description="columns to join several files by, such as id or customer=id"
    )

    @model_validator(mode="after")
    def _has_file(self) -> Self:
        if not self.files:
            raise PydanticCustomError("no_file", "give the file in path, or several in paths")
        return self

    @property
    def files(self) -> tuple[Path, ...]:
        """The files, in the order given."""
        return ((self.path,) if self.path else ()) + self.paths
