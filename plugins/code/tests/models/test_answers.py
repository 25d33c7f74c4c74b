"""What a model says of code: findings, suspected lines and claims, each with lines that exist."""

import json
from pathlib import Path

import pytest

from perdure.agents import AnswerRefused
from perdure_code.models.answers.citations import cited_lines, quoted_place
from perdure_code.models.answers.explanation import check_claims
from perdure_code.models.answers.findings import check_findings
from perdure_code.models.answers.suspects import check_suspects
from perdure_code.models.editing.edited_repository import EditedRepository

CODE = """\
\"\"\"Prices.\"\"\"

RATE = 0.19


def gross(net):
    if net < 0:
        raise ValueError(net)
    return net + RATE


def both(net):
    if net < 0:
        raise ValueError(net)
    return net, gross(net)
"""


@pytest.fixture
def repository(tmp_path: Path) -> EditedRepository:
    (tmp_path / "tests").mkdir()
    (tmp_path / "prices.py").write_text(CODE)
    (tmp_path / "tests" / "test_prices.py").write_text("def test_gross():\n    assert True\n")
    return EditedRepository(tmp_path)


@pytest.mark.parametrize(
    ("line", "quote", "found"),
    [
        (9, "return net + RATE", 9),
        (9, "    return net + RATE  ", 9),
        (8, "return net + RATE", 9),
        (9, "net + RATE", 9),
        (7, "if net < 0:\n    raise ValueError(net)\n    return net + RATE", 7),
        (13, "if net < 0:\n        raise ValueError(net)", 13),
        (7, "if net < 0:", 7),
        (3, "RATE = 0.19", 3),
    ],
)
def test_a_quote_is_found_where_it_stands(
    repository: EditedRepository, line: int, quote: str, found: int
) -> None:
    place = quoted_place(repository, "./prices.py", line, quote)
    assert (place.path, place.first) == ("prices.py", found)
    assert place.quote in CODE


@pytest.mark.parametrize(
    ("path", "line", "quote", "why"),
    [
        ("prices.py", 9, "return net * RATE", "in no place"),
        ("prices.py", 9, "Return net + rate", "in no place"),
        ("prices.py", 10, "if net < 0:", "not stand on that line"),
        ("prices.py", 9, "net", "in no place"),
        ("prices.py", 9, "", "empty"),
        ("prices.py", 9, "\n \n", "empty"),
        ("prices.py", 9, "x" * 3_000, "too long"),
        ("prices.py", 9, "return net + RATE\n    return 1", "in no place"),
        ("prizes.py", 9, "return net + RATE", "no file"),
        ("/etc/passwd", 1, "root:x:0:0", "no path within"),
        ("../prices.py", 9, "return net + RATE", "no path within"),
    ],
)
def test_any_other_quote_is_refused(
    repository: EditedRepository, path: str, line: int, quote: str, why: str
) -> None:
    with pytest.raises(AnswerRefused, match=why):
        quoted_place(repository, path, line, quote)


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [(0, 3, "no lines 0"), (9, 8, "no lines 9"), (1, 16, "no lines 1 to 16"), (-1, -1, "no lines")],
)
def test_lines_that_are_not_there_are_not_cited(
    repository: EditedRepository, first: int, last: int, why: str
) -> None:
    assert cited_lines(repository, "prices.py", 1, 15).last == 15
    with pytest.raises(AnswerRefused, match=why):
        cited_lines(repository, "prices.py", first, last)


def test_findings_stand_in_the_code(repository: EditedRepository) -> None:
    wrong = (
        "prices.py",
        "return net + RATE",
        "error",
        "It adds the rate and does not apply it.",
        8,
    )
    checked = check_findings(
        repository,
        [
            wrong,
            wrong,
            ("prices.py", "return net * RATE", "error", "It multiplies.", 9),
            ("prices.py", "RATE = 0.19", "risk", " ", 3),
        ],
    )
    (finding,) = checked.findings
    assert (finding.place.path, finding.place.first, finding.place.last) == ("prices.py", 9, 9)
    assert finding.place.quote == "    return net + RATE"
    assert checked.left_out == 1
    assert "'return net * RATE'" in checked.refused[0]


def test_suspects_are_lines_of_the_code(repository: EditedRepository) -> None:
    checked = check_suspects(
        repository,
        [
            ("prices.py", "return net + RATE", "It adds.", 9),
            ("prices.py", "    return net + RATE", "Again.", 9),
            ("tests/test_prices.py", "    assert True", "It tests nothing.", 2),
            ("prices.py", "return 0", "It is not there.", 9),
        ],
    )
    assert [(one.place.first, one.reason) for one in checked.suspects] == [(9, "It adds.")]
    assert checked.left_out == 2


@pytest.mark.parametrize(
    ("claim", "lines", "why"),
    [
        ("`gross` refuses what is negative with a ValueError.", (6, 9), ""),
        ("The rate is 0.19, kept as `RATE`.", (3, 3), ""),
        ("The function gross() adds RATE to net.", (6, 9), ""),
        ("Lines 6 to 9 hold gross().", (6, 9), ""),
        ("The rate is 0.21.", (3, 3), "the number 0.21"),
        ("The rate is 19 percent.", (3, 3), "the number 19"),
        ("`gross` calls send_mail.", (6, 9), "'send_mail'"),
        ("`gross` calls `both`.", (6, 9), "'both'"),
        ("It asks RateService.", (6, 9), "'RateService'"),
        ("It refuses what is negative.", (60, 90), "no lines 60 to 90"),
        ("There is nothing.", (4, 5), "blank"),
        ("It sends letters to everybody.", (6, 9), "no word of what it cites"),
        ("", (6, 9), "characters"),
        ("x" * 600, (6, 9), "characters"),
    ],
)
def test_claims_cite_lines_that_hold_their_names_and_numbers(
    repository: EditedRepository, claim: str, lines: tuple[int, int], why: str
) -> None:
    checked = check_claims(repository, [(claim, [("prices.py", *lines)])])
    assert len(checked.claims) == (0 if why else 1)
    assert why in " ".join(checked.refused)


def test_a_claim_without_lines_is_left_out(repository: EditedRepository) -> None:
    checked = check_claims(repository, [("All is well.", []), ("Well.", [("prices.py", 1, 2)] * 6)])
    assert checked.claims == ()
    assert all("places" in why for why in checked.refused)
    assert json.loads(checked.model_dump_json())["left_out"] == 2
