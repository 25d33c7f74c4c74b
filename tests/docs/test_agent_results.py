"""What the docs show of an agent's result is what the command above it delivers."""

import pytest

from tests.docs.agent_results import SHOWN, ShownResult, shown_results

RESULTS = list(shown_results())
pytestmark = pytest.mark.bundled


@pytest.mark.parametrize("shown", RESULTS, ids=lambda shown: shown.folder)
def test_what_a_page_shows_is_what_its_command_delivers(
    shown: ShownResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PERDURE_MODEL", raising=False)
    differing = [
        name
        for name, content in shown.delivered().items()
        if (SHOWN / shown.folder / name).read_bytes() != content
    ]
    assert not differing, "write them anew: python -m tests.docs.agent_results"


def test_every_file_that_was_stored_for_a_page_is_shown() -> None:
    stored = {file for file in SHOWN.rglob("*") if file.is_file()}
    assert stored == {file for shown in RESULTS for file in shown.files}
