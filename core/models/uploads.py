"""Files that are handed in for goals."""

from datetime import datetime
from typing import Final

from perdure.models.base import Model

UPLOAD_SCHEME: Final = "upload:"
# What a goal's parameter gives as the path of a file that another goal has made:
# ``artifact:{64 hexadecimal digits of its digest}/{name}``.
ARTIFACT_SCHEME: Final = "artifact:"
# Where the API gives workers elsewhere an upload's content, below its address.
UPLOAD_CONTENT_PATH: Final = "/worker/uploads"


class Upload(Model):
    """A file that was handed in, to be named by the parameters of goals.

    Attributes:
        path: What a goal's parameter gives as its path: ``upload:{id}/{name}``.
        id: Identifies it; nobody can guess it.
        name: The file's name, which an agent sees as well.
        size: Bytes.
        digest: ``sha256:`` and 64 hexadecimal digits.
    """

    path: str
    id: str
    name: str
    size: int
    digest: str


class UploadRecord(Upload):
    """A file that was handed in, and when that was.

    Attributes:
        stored_at: When it was there whole, in UTC.
        tenant: Whose it is.
    """

    stored_at: datetime
    tenant: str
