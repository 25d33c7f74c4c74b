"""The artifacts that a delegate's parameters name, as files, as a worker brings them."""

import re
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from perdure.agents.steps.memory import MemoryArtifacts
from perdure.models.uploads import ARTIFACT_SCHEME

_NAMED: Final = re.compile(re.escape(ARTIFACT_SCHEME) + "([0-9a-f]{64})/([^/\\0]+)")


def local_artifacts(value: JsonValue, artifacts: MemoryArtifacts, folder: Path) -> JsonValue:
    """Return a value with the paths of artifacts as those of files.

    Args:
        value: Parameters.
        artifacts: The artifacts that there are.
        folder: Where the files are written.
    """
    if isinstance(value, list):
        return [local_artifacts(item, artifacts, folder) for item in value]
    if isinstance(value, dict):
        return {key: local_artifacts(item, artifacts, folder) for key, item in value.items()}
    named = _NAMED.fullmatch(value) if isinstance(value, str) else None
    content = artifacts.content(f"sha256:{named[1]}") if named is not None else None
    if named is None or content is None:
        return value
    path = folder / named[1] / named[2]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return str(path)
