"""What the page on teams shows is what its commands deliver."""

import pytest

from perdure.testing import Installation, ModelServer
from tests.docs.team_pictures import SCRIPTS, SHOWN, commands, shown

pytestmark = pytest.mark.bundled


def test_every_team_is_shown() -> None:
    assert list(commands()) == list(SCRIPTS)
    assert {file.name for file in SHOWN.iterdir()} == {
        f"{team}.{kind}" for team in SCRIPTS for kind in ("svg", "md")
    }


@pytest.mark.parametrize("team", SCRIPTS)
def test_what_the_page_shows_is_what_the_team_delivers(
    team: str, perdure_installation: Installation, model_server: ModelServer
) -> None:
    for name, content in shown(team, perdure_installation, model_server).items():
        stored = (SHOWN / name).read_text(encoding="utf-8")
        assert stored == content, "write them anew: python -m tests.docs.team_pictures"
