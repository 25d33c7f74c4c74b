"""Second places, the first in each group, conditions on groups and on all rows of a thing."""

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterator
from statistics import mean
from typing import Any

import pytest

from perdure_analysis.answers.answer import Answer
from perdure_analysis.answers.answering import answer_question, understand_questions
from perdure_analysis.loading.source import look_at
from perdure_analysis.profile.columns import describe_columns
from perdure_analysis.table_session import TableSession

Ask = Callable[[str], Answer]

TRIPS = """trip,line,town,boat,passengers,fare,grades,seller,buyer
1,North,Elsin,Alma,12,30.5,3,Ann,Bob
2,North,Elsin,Bris,40,12,5,Ann,Cid
3,North,Horne,Alma,7,9.25,4,Ann,Bob
4,South,Horne,Cora,55,61,1,Dot,Bob
5,South,Elsin,Cora,3,8,2,Eve,Fay
6,South,Horne,Bris,3,22,2,Eve,Gil
7,West,Tange,Alma,21,40,3,Flo,Cid
"""
T = list(csv.DictReader(io.StringIO(TRIPS)))


def totals(key: str, column: str) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for row in T:
        found[row[key]] += float(row[column])
    return found


def fares(line: str) -> float:
    return mean(float(row["fare"]) for row in T if row["line"] == line)


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    file = tmp_path_factory.mktemp("tables") / "trips.csv"
    file.write_text(TRIPS, encoding="utf-8")
    session, source = TableSession(), look_at(str(file))
    columns = describe_columns(session, source)

    def one_answer(text: str) -> Answer:
        (question,) = understand_questions(session, source, columns, text).questions
        return answer_question(session, source, columns, question)

    yield one_answer
    session.close()


def only(answer: Answer) -> list[tuple[Any, ...]]:
    assert answer.status == "answered", answer.sentence
    (reading,) = answer.readings
    return list(reading.result.rows)


@pytest.mark.parametrize(
    ("question", "key", "value"),
    [
        ("Which line has the second highest total fare?", "North", 51.75),
        ("Which boat has the 2nd most trips?", "Bris", 2),
        ("Which town has the third highest total of passengers?", "Tange", 21),
    ],
)
def test_one_place_of_an_order(ask: Ask, question: str, key: str, value: float) -> None:
    answer = ask(question)
    places = [one for one in answer.readings if one.result.rows]
    assert {row[:2] for one in places for row in one.result.rows} >= {(key, value)}
    assert "nd largest" in answer.sentence or "rd largest" in answer.sentence


def test_the_second_largest_value_comes_with_its_row(ask: Ask) -> None:
    answer = ask("second highest fare?")
    assert [row[5] for row in only(answer)] == [40]
    assert "The 2nd largest value of `fare` is 40" in answer.sentence


def test_it_is_said_that_equal_ones_may_take_one_place_or_two(ask: Ask) -> None:
    answer = ask("What is the second lowest value of passengers?")
    assert answer.status == "several", answer.sentence
    assert "whether what is equal takes one place or several" in answer.sentence
    assert "Nothing takes place 2" in answer.sentence
    assert [len(one.result.rows) for one in answer.readings] == [1, 0]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (
            "top 2 boats by total passengers in each line",
            {
                ("North", "Bris", 40),
                ("North", "Alma", 19),
                ("South", "Cora", 58),
                ("South", "Bris", 3),
                ("West", "Alma", 21),
            },
        ),
        (
            "Which boat has the highest total fare per line?",
            {("North", "Alma", 39.75), ("South", "Cora", 69), ("West", "Alma", 40)},
        ),
    ],
)
def test_the_first_in_each_group(
    ask: Ask, question: str, expected: set[tuple[str, str, float]]
) -> None:
    answer = ask(question)
    assert {row[:3] for row in only(answer)} == expected
    assert "in each `line`" in answer.sentence


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (
            "Which lines have a total fare above 50?",
            {line: fare for line, fare in totals("line", "fare").items() if fare > 50},
        ),
        (
            "lines with an average fare of at least 30",
            {line: fares(line) for line in ("North", "South", "West") if fares(line) >= 30},
        ),
        ("Which towns have more than 2 trips?", {"Elsin": 3, "Horne": 3}),
        ("Which towns have more than 1 trip on the North line?", {"Elsin": 2}),
        ("Which lines have a total of more than 50 passengers?", {"North": 59, "South": 61}),
        ("Which boats have fewer than 3 trips?", {"Bris": 2, "Cora": 2}),
    ],
)
def test_groups_that_meet_a_condition(ask: Ask, question: str, expected: dict[str, float]) -> None:
    found = {row[0]: row[1] for row in only(ask(question))}
    assert found == pytest.approx(expected)


def test_groups_that_meet_a_condition_are_counted(ask: Ask) -> None:
    answer = ask("How many lines have a total fare above 50?")
    assert only(answer) == [(2,)]
    assert answer.sentence == (
        "The number of values of `line` of which the total of `fare` is above 50: 2."
    )
    assert only(ask("How many towns have at least 3 trips?")) == [(2,)]


def test_no_group_that_meets_a_condition_is_an_answer(ask: Ask) -> None:
    answer = ask("Which lines have a total fare above 5000?")
    assert answer.status == "answered"
    assert "There are no values of `line` of which the total of `fare` is above 5000" in (
        answer.sentence
    )


def test_not_means_that_no_row_of_a_thing_is_so(ask: Ask) -> None:
    answer = ask("Which lines do not go to Horne?")
    assert [row[0] for row in only(answer)] == ["West"]
    assert "1 value without a row where `town` is 'Horne'" in answer.sentence
    assert only(ask("How many lines do not go to Horne?")) == [(1,)]
    # A trip stands in one row.
    assert only(ask("How many trips do not go to Horne?"))[0][0] == 4


def test_both_means_that_a_thing_has_rows_of_either(ask: Ask) -> None:
    answer = ask("Which boats go to both Elsin and Tange?")
    assert [row[0] for row in only(answer)] == ["Alma"]
    assert only(ask("How many boats go to both Elsin and Horne?")) == [(3,)]
    assert only(ask("How many trips go to both Elsin and Tange?"))[0][0] == 4


def test_a_ratio_of_rows_with_one_value_to_those_with_another(ask: Ask) -> None:
    assert only(ask("ratio of North to South trips")) == [(1.0, 3, 3)]
    rows = only(ask("ratio of North to South trips by town"))
    assert {row[0]: row[1] for row in rows} == {"Elsin": 2.0, "Horne": 0.5, "Tange": None}


def test_a_ratio_of_columns_is_of_totals_or_of_rows(ask: Ask) -> None:
    answer = ask("What is the ratio of fare to passengers?")
    assert answer.status == "several", answer.sentence
    fare, passengers = (
        sum(float(row["fare"]) for row in T),
        sum(int(row["passengers"]) for row in T),
    )
    rows = mean(float(row["fare"]) / int(row["passengers"]) for row in T)
    found = [one.result.rows[0][0] for one in answer.readings]
    assert found == pytest.approx([fare / passengers, rows])


def test_a_column_of_counts_is_added_up(ask: Ask) -> None:
    assert only(ask("How many passengers were there?")) == [(141,)]
    assert ask("How many grades are there?").status == "several"


def test_equal_figures_of_other_groups_are_another_answer(ask: Ask) -> None:
    answer = ask("Who has the most trips?")
    assert answer.status == "several", answer.sentence
    assert "Ann" in answer.sentence
    assert "Bob" in answer.sentence


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("top 2 fares in each line", "name the column that tells them apart"),
        ("top 2 boats by fare by line", "of all or of each `line`"),
        ("Which boats go to Elsin and Tange?", "one of 'Elsin' and 'Tange' or all of them"),
        ("ratio of North to Elsin", "which rows the ratio is of"),
        ("ratio of fare", "of what to what"),
        ("the second highest 3 fares", "whether the 'second' or 3 of them"),
        ("Which lines have fares over 20?", "of single rows or its total"),
        ("Which line has more than 2 trips and the highest fare?", "condition on groups"),
        ("What is the average fare of lines with a total fare above 50?", "Cannot tell"),
    ],
)
def test_what_is_not_certain_is_refused(ask: Ask, question: str, says: str) -> None:
    answer = ask(question)
    assert answer.status == "refused", answer.sentence
    assert says in answer.sentence
