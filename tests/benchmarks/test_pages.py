"""What the docs say was measured is what the benchmarks printed."""

import pytest

from benchmarks.pages import DOCS, TABLES, written


@pytest.mark.parametrize("page", TABLES)
def test_a_page_has_the_figures_that_are_on_record(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert text == written(page), f"docs/{page} is not what `python -m benchmarks.pages` writes"
