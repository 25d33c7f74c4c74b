"""The scores of the evals: what counts as lost, added, misplaced, and as a figure that is right."""

from pathlib import Path

import pytest
from pydantic import JsonValue

from benchmarks.verdict import Figure
from evals.analysis.joins import Key
from evals.analysis.profiles import Check, expected
from evals.analysis.questions import same_rows
from evals.analysis.tables import open_table, open_tables
from evals.cases import (
    FOLDER,
    DocumentCase,
    InvoiceCase,
    JoinKey,
    TableCase,
    document_cases,
    invoice_cases,
    invoice_schema,
    join_cases,
    scan_cases,
    table_cases,
)
from evals.document.cells import compare_cells
from evals.document.extraction import Extracted, by_format, figures, score
from evals.document.invoices import judge
from evals.document.markdown_text import tables_of, text_of
from evals.document.words import compare_words, words_of


def test_words_are_compared_without_case_and_hyphenation() -> None:
    overlap = compare_words("The effi-\nciency is 12.50 €.", "the EFFICIENCY is 12.50 €")
    assert (overlap.recall, overlap.precision) == (1, 1)


def test_what_is_lost_and_what_is_added_is_named() -> None:
    overlap = compare_words("one two two three", "two three four five", also="four")
    assert overlap.lost == words_of("one two")
    assert overlap.added == words_of("five")
    assert (overlap.recall, overlap.precision) == (0.5, 0.75)


def test_a_power_is_no_longer_number() -> None:
    assert words_of("5 m at 10³") == words_of("5 m at 10^3") != words_of("5 m at 103")


def test_no_words_are_not_precise() -> None:
    assert compare_words("something", "").precision == 0


def test_a_reader_of_markdown_sees_numbers_and_notes_but_no_addresses() -> None:
    seen = text_of(
        "3. third\n4. [fourth](https://a.example)[^1]\n\n<!-- page 2 -->\n\n"
        "[^1]: Note.\n\n![alt](b)"
    )
    assert words_of(seen) == words_of("3 third 4 fourth 1 1 Note")


def test_spans_of_html_stand_in_each_place() -> None:
    html = "<table><tr><td rowspan=2>North<td>Q1<td>10<tr><td>Q2<td>20<tr><td colspan=3>All</table>"
    rows = [["North", "Q1", "10"], ["North", "Q2", "20"], ["All", "All", "All"]]
    assert tables_of(html) == [rows]


def test_a_cell_in_the_wrong_column_counts_as_wrong() -> None:
    seen = [["Item", "Qty"], ["Pump", "7"]]
    assert compare_cells([seen], [[["Table 1", ""], *seen]]).right == 4
    slid = compare_cells([seen], [[["Item", "Qty"], ["7", ""]]])
    assert (slid.seen, slid.right) == (4, 2)
    assert slid.wrong == (("Pump", "7"), ("7", ""))


def test_a_loss_that_nothing_speaks_of_is_silent() -> None:
    case = document_cases()[0]
    silent, said = score(case, Extracted("")), score(case, Extracted("", notes=("1 chart is out",)))
    assert (silent.is_silent_loss, said.is_silent_loss) == (True, False)
    assert figures([silent])["document_silent_losses"] == Figure(1, 0, "at most")


def test_a_figure_is_right_to_the_digits_that_are_kept() -> None:
    assert Check("mean", 1 / 3, 0.3333333333).holds
    assert not Check("mean", 1 / 3, 0.33333).holds
    assert not Check("count", 3, None).holds


def test_sql_says_what_is_right(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n\n1\nNA\n4\n7\n")
    case = table_cases()[0].model_copy(update={"numbers": {"n": None}, "values": {}})
    facts = dict(expected(case, open_table(tmp_path / "a.csv")))
    assert facts["rows"] == 4
    assert facts["n.missing"] == 1
    assert facts["n.numbers.mean"] == facts["n.numbers.median"] == 4


def test_an_answer_holds_the_right_rows() -> None:
    assert same_rows([("Biscoe", 168)], [("Biscoe", 168, "more"), ("Dream", 124)])
    assert same_rows([("2023-03", 5.0)], [("2023-03-01", 5)])
    assert not same_rows([("Biscoe", 168)], [("Dream", 124), ("Biscoe", 168)])
    assert not same_rows([(1,), (2,)], [(1,)])


INVOICE = InvoiceCase(file="letter/0.pdf", writer="", values={"total": 119.0, "iban": None})


@pytest.mark.parametrize(
    ("name", "field", "outcome"),
    [
        ("total", {"status": "found", "value": 119}, "right"),
        ("total", {"status": "found", "value": 100}, "wrong"),
        ("total", {"status": "unsure", "value": 100}, "unsure"),
        ("total", {"status": "absent"}, "unsure"),
        ("total", {}, "unsure"),
        ("iban", {"status": "absent"}, "absent"),
        ("iban", {"status": "found", "value": "DE89370400440532013000"}, "wrong"),
    ],
)
def test_a_value_that_is_found_and_not_said_is_wrong(
    name: str, field: dict[str, JsonValue], outcome: str
) -> None:
    assert judge(INVOICE, name, INVOICE.values[name], field).outcome == outcome


def test_invoices_are_of_five_layouts_by_five_programs() -> None:
    cases = invoice_cases()
    assert len(cases) >= 50
    assert len({case.layout for case in cases}) == len({case.writer for case in cases}) == 5
    properties = invoice_schema()["properties"]
    assert isinstance(properties, dict)
    for case in cases:
        assert case.path.is_file()
        assert case.values.keys() == properties.keys()


def test_a_key_is_right_with_its_rates_in_either_direction() -> None:
    key = Key(
        first="a.csv", second="b.csv", columns=[("x", "id")], used=True,
        first_matched=0.5, second_matched=1,
    )  # fmt: skip
    wanted = JoinKey(columns={"id": "x"}, matched={})
    assert key.is_of(wanted, {"b.csv": 1.0, "a.csv": 0.5})
    assert not key.is_of(wanted, {"b.csv": 1.0, "a.csv": 0.6})
    assert not key.is_of(wanted.model_copy(update={"used": False}), {"b.csv": 1.0, "a.csv": 0.5})


def test_sql_says_what_is_right_of_several_files() -> None:
    for case in join_cases():
        with open_tables(case.paths, case.delimiters) as database:
            queries = [case.rows, *(sql for key in case.keys for sql in key.matched.values())]
            queries += [one.sql for one in case.questions if not one.refused]
            for sql in queries:
                (value, *_) = database.execute(sql).fetchone()
                assert value is not None, sql


def test_every_scan_is_of_a_document() -> None:
    for case in scan_cases():
        assert case.document.path.is_file()


def test_every_format_has_files_of_several_programs() -> None:
    few = {
        name: (len(group), len({one.case.writer.split(" ")[0] for one in group}))
        for name, group in by_format(
            score(case, Extracted("")) for case in document_cases()
        ).items()
    }
    assert all(files >= 10 for files, _ in few.values()), few
    # Only people write Markdown by hand.
    assert all(writers >= 3 for name, (_, writers) in few.items() if name != "markdown"), few


def test_every_file_says_where_it_is_from() -> None:
    licences = (FOLDER / "LICENCES.md").read_text(encoding="utf-8")
    cases: list[DocumentCase | TableCase] = [*document_cases(), *table_cases()]
    for case in cases:
        assert case.path.is_file()
        origin = case.origin.removeprefix("npm ").split(" ")[0].rstrip(",")
        assert origin in licences, case.file
        assert case.licence in licences, case.file


def test_every_document_has_a_transcript() -> None:
    for case in document_cases():
        assert words_of(case.seen), case.file
        assert all(any(row) for table in case.tables for row in table[:1]), case.file
