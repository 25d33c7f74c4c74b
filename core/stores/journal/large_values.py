"""Values of steps that are too large for the database: the journal refers to them by digest."""

from typing import Final, NamedTuple

from perdure.agents.steps.errors import PermanentError
from perdure.agents.steps.keys import StepKey
from perdure.stores.database.errors import UnknownArtifact
from perdure.stores.database.retry import with_retries
from perdure.stores.objects.content_store import ContentStore

LARGE_BYTES: Final = 256 * 1024


class LargeValue(NamedTuple):
    """Where a step's value lies, and how large it is.

    Attributes:
        digest: The digest of its JSON text in UTF-8.
        size: Bytes.
    """

    digest: str
    size: int


class LargeValues:
    """The values of steps that lie in object storage, beside the artifacts."""

    def __init__(self, contents: ContentStore) -> None:
        self._contents = contents

    async def store(self, value: str | None) -> LargeValue | None:
        """Store a value if it is large; return ``None`` when the journal is to hold it itself.

        Raises:
            JournalFailed: Object storage was away for a minute.
        """
        # No character takes less than a byte: most values need not be encoded to know.
        if value is None or len(value) * 4 <= LARGE_BYTES:
            return None
        content = value.encode()
        if len(content) <= LARGE_BYTES:
            return None
        return LargeValue(*await with_retries(lambda: self._contents.put(content)))

    async def read(self, key: StepKey, digest: str) -> str:
        """Return a value.

        Raises:
            PermanentError: It is not there, or is not what was stored.
            JournalFailed: Object storage was away for a minute.
        """
        try:
            content = await with_retries(lambda: self._contents.read(digest))
        except UnknownArtifact as error:
            raise PermanentError(
                f"the journaled value of step {key.name!r} cannot be read: {error.args[0]}; once it"
                " is there again, perdure goals retry goes on from it"
            ) from error
        return content.decode()
