"""What the tests of built distributions share: the distributions themselves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the five sdists and the five wheels built from them."""
    if built := os.environ.get("DISTRIBUTIONS"):
        return Path(built)
    folder = tmp_path_factory.mktemp("distributions")
    for project in (ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))):
        subprocess.run([sys.executable, "-m", "build", "--outdir", folder, project], check=True)
    return folder
