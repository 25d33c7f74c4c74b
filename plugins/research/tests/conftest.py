"""What the tests of the research agent share."""

import pytest

from perdure_research.reading.documents import document_agent


@pytest.fixture(autouse=True)
def without_the_document_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read with what is in this distribution, whatever else is installed where the tests run."""

    def not_installed() -> bool:
        return False

    monkeypatch.setattr(document_agent, "is_installed", not_installed)
