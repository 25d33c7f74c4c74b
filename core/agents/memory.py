"""A run's surroundings in memory: for trying an agent out and for its tests, without a server."""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

from holdfast.agents.journal import Answer, StepKey
from holdfast.models import Artifact, Progress


class MemoryJournal:
    """A journal that lasts as long as the object: hand it to two runs to see a retry.

    Attributes:
        steps: Every finished step.
    """

    def __init__(self) -> None:
        self.steps: dict[StepKey, Answer] = {}

    async def load(self) -> Mapping[StepKey, Answer]:
        """Return the finished steps."""
        return dict(self.steps)

    async def record(self, key: StepKey, answer: Answer) -> None:
        """Keep a finished step."""
        self.steps[key] = answer

    async def withdraw(self, key: StepKey) -> None:
        """Forget a failed step."""
        self.steps.pop(key, None)


class MemoryArtifacts:
    """Artifacts kept in memory.

    Attributes:
        files: Content by name.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def write(self, name: str, content: bytes | Path, media_type: str) -> Artifact:
        """Keep a file; a path is read at once."""
        body = await asyncio.to_thread(content.read_bytes) if isinstance(content, Path) else content
        self.files[name] = body
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        return Artifact(name=name, media_type=media_type, digest=digest, size=len(body))


class MemoryListener:
    """Remembers what it was told.

    Attributes:
        told: Progress and artifacts, once each, in order.
    """

    def __init__(self) -> None:
        self.told: list[Progress | Artifact] = []

    async def tell(self, told: Progress | Artifact, ordinal: int) -> None:
        """Remember it, unless its ordinal was heard before."""
        if ordinal > len(self.told):
            self.told.append(told)
