"""Helm, which is built where it is not there."""

import pytest

from tests.support.helm import Helm, get_helm


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Return Helm."""
    return get_helm(tmp_path_factory.mktemp("helm"))
