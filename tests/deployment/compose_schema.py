"""The compose specification's JSON schema, as the Go module of its reference loader ships it."""

import json
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from filelock import FileLock

from deploy.native.go_programs import find_go
from perdure.settings import Settings
from perdure.temporal.server.processes import run_command

_MODULE: Final = "github.com/compose-spec/compose-go/v2@v2.9.1"


async def compose_schema() -> dict[str, Any]:
    """Return the schema, fetched once and kept in the cache."""
    folder = Settings(_env_file=None).cache / "compose-schema"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{_MODULE.rpartition('@')[2]}.json"
    with FileLock(folder / "lock"):
        if not kept.is_file():
            with TemporaryDirectory(dir=folder) as place:
                go = await find_go(Path(place), print)
                answer = await run_command(
                    [str(go), "mod", "download", "-json", _MODULE],
                    environment=os.environ | {"GO111MODULE": "on"},
                )
                source = Path(json.loads(answer)["Dir"]) / "schema/compose-spec.json"
                shutil.copyfile(source, Path(place) / "schema.json")
                (Path(place) / "schema.json").replace(kept)
    schema: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return schema
