"""Pages of files that were handed in."""

from pydantic import BaseModel

from perdure.models.uploads import UploadRecord


class UploadPage(BaseModel):
    """One page of files that were handed in, newest first.

    Attributes:
        uploads: The files.
        before: Hand it in as ``before`` to get the next page; ``None`` when this is the last.
    """

    uploads: list[UploadRecord]
    before: str | None
