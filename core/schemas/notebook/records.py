"""What stands in the notebook that a run shares with its delegates."""

from datetime import datetime

from pydantic import JsonValue

from perdure.models.base import Model


class NotebookRecord(Model):
    """What stands under a key of a notebook, and who wrote it.

    Attributes:
        key: The key.
        value: What was written.
        version: 1 when it was first written, one more with each writing.
        writer: The workflow id of the run that wrote it.
        written_at: When, in UTC.
    """

    key: str
    value: JsonValue
    version: int
    writer: str
    written_at: datetime


class NotebookList(Model):
    """What stands in the notebook of a run, sorted by key.

    Attributes:
        entries: The newest version of each key.
        after: Where the next page begins: give it as ``after``; ``None`` when there is none.
    """

    entries: list[NotebookRecord]
    after: str | None = None
