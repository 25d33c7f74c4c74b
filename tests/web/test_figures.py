"""Figures, texts and charts as pages show them."""

from datetime import UTC, datetime, timedelta

import pytest
from markupsafe import Markup
from pydantic import JsonValue

from perdure.stores.spending.goal_costs import GoalCost
from perdure.timelines.figures import age, duration, money
from perdure.web.rendering import figures
from perdure.web.rendering.data import plain_pairs, pretty
from perdure.web.rendering.visible import visible


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "unknown"),
        (0.0, "0.00 s"),
        (0.014, "0.01 s"),
        (0.25, "0.2 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (192, "3 min 12 s"),
        (3600, "1 h"),
        (93_600, "1 d 2 h"),
    ],
)
def test_a_duration_has_one_unit_or_two(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("dollars", "shown"),
    [
        (None, "unknown"),
        (0.0, "$0.00"),
        (0.0123, "$0.01"),
        (0.0042, "$0.0042"),
        (0.00042, "$0.00042"),
        (1e-7, "under $0.0001"),
        (1234.5, "$1,234.50"),
    ],
)
def test_an_amount_has_the_digits_that_say_something(dollars: float | None, shown: str) -> None:
    assert money(dollars) == shown


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        (None, "\u2013"),
        (GoalCost(), "\u2013"),
        (GoalCost(0.5, 900), "$0.50"),
        (GoalCost(0.0, 900, 900), "unknown"),
        (GoalCost(0.5, 900, 400), "over $0.50"),
    ],
)
def test_a_price_that_nobody_knows_is_not_zero(cost: GoalCost | None, shown: str) -> None:
    assert figures.cost(cost) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [(None, "unknown"), (0, "0 B"), (999, "999 B"), (1_200_000, "1.2 MB"), (64_000_000, "64 MB")],
)
def test_a_size_has_the_unit_that_leaves_few_digits(number: int | None, shown: str) -> None:
    assert figures.size(number) == shown


def test_an_age_is_told_for_what_was_and_for_what_comes() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert age(now - timedelta(seconds=41), now) == "41 s"
    assert age(now + timedelta(hours=30), now) == "1 d"
    assert age(None) == "unknown"
    assert figures.utc(now) == "2026-03-01 00:00 UTC"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("invoice\u202efdp.exe", "invoice\\u202efdp.exe"),
        ("שלום\u200f!", "שלום\u200f!"),
    ],
)
def test_what_steers_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_markup_and_numbers_are_left_alone() -> None:
    assert visible(Markup("<b>\x1b</b>")) == Markup("<b>\x1b</b>")
    assert visible(3) == 3


def test_data_are_names_and_values_where_they_are_plain() -> None:
    assert plain_pairs({"n": 1, "to": ["a", "b"], "ok": True, "no": None}) == {
        "n": "1",
        "to": "a, b",
        "ok": "true",
        "no": "null",
    }
    nested_data: list[JsonValue] = [{}, {"a": {"b": 1}}, {"a": [1]}, [1], "text", None]
    for nested in nested_data:
        assert plain_pairs(nested) is None
    assert pretty("as it is") == "as it is"
    assert pretty({"ä": [1]}) == '{\n  "ä": [\n    1\n  ]\n}'
