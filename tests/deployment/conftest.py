"""``deploy.native`` is no package that is installed; Helm, which is built where it is not there."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2]))

from tests.support.helm import Helm, get_helm


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Return Helm."""
    return get_helm(tmp_path_factory.mktemp("helm"))
