"""The contents that a recording refers to, for a replay where the stores are not."""

import base64
from typing import Final

from perdure.models import Result
from perdure.schemas.replays.recording import Recording
from perdure.stores.objects.content_store import ContentStore

_DELEGATE: Final = "delegate"


async def with_contents(recording: Recording, contents: ContentStore) -> Recording:
    """Return a recording with what a replay elsewhere may need: large values, delegates' files.

    Args:
        recording: The recording.
        contents: The contents of the stores that it is of.

    Raises:
        LookupError: One is not there.
        StoreUnavailable: Object storage does not answer.
    """
    found: dict[str, str] = {}

    async def add(digest: str) -> bytes:
        content = await contents.read(digest)
        found[digest] = base64.b64encode(content).decode()
        return content

    for step in recording.steps:
        value = step.value or ""
        if step.content is not None:
            value = (await add(step.content)).decode()
        if step.name == _DELEGATE and value:
            for artifact in Result.model_validate_json(value).artifacts:
                await add(artifact.digest)
    return recording.model_copy(update={"contents": found})
