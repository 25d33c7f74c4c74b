"""Small repositories, and the program that runs their tests started without a sandbox."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from perdure_code import trials
from perdure_code.trials.records import RECORD, AnyRecord, Job

Write = Callable[[Mapping[str, str]], Path]
Execute = Callable[[Job], list[AnyRecord]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a repository, and return its folder."""

    def written(files: Mapping[str, str]) -> Path:
        root = tmp_path / "repo"
        for name, text in files.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return root

    return written


@pytest.fixture
def execute(tmp_path: Path) -> Execute:
    """Do a job, and return what the program wrote."""

    def executed(job: Job) -> list[AnyRecord]:
        (tmp_path / "job.json").write_text(job.model_dump_json())
        start = (
            "import sys; sys.path.insert(0, sys.argv[1]);"
            " from perdure_trials.main import main; del sys.path[0]; main(*sys.argv[2:])"
        )
        folder = Path(trials.__file__).parent
        arguments = [folder, tmp_path / "job.json", tmp_path / "records.jsonl"]
        subprocess.run(
            [sys.executable, "-c", start, *map(str, arguments)],
            check=True,
            capture_output=True,
            env={
                "PATH": "/usr/bin:/bin",
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "TMPDIR": str(tmp_path),
            },
            timeout=60,
        )
        lines = (tmp_path / "records.jsonl").read_text().splitlines()
        return [RECORD.validate_json(line) for line in lines]

    return executed
