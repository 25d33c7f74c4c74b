"""How counts are written."""

import pytest

from perdure_document.formatting import counted


@pytest.mark.parametrize(
    ("count", "one", "text"),
    [
        (1, "invisible word", "1 invisible word"),
        (1200, "invisible word", "1,200 invisible words"),
        (2, "character that no font here has", "2 characters that no font here has"),
        (2, "passage of hidden text", "2 passages of hidden text"),
        (3, "table nested too deeply", "3 tables nested too deeply"),
        (2, "picture outside the file", "2 pictures outside the file"),
        (2, "chart without data", "2 charts without data"),
        (2, "video or sound", "2 videos or sounds"),
        (2, "box", "2 boxes"),
        (2, "entry", "2 entries"),
        (2, "day", "2 days"),
        (0, "row", "0 rows"),
    ],
)
def test_counts_agree_with_their_nouns(count: int, one: str, text: str) -> None:
    assert counted(count, one) == text
