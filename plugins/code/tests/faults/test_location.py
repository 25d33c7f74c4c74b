"""The ranking of lines, from what tests executed."""

from collections.abc import Mapping

from perdure_code.location.facts import Location
from perdure_code.location.ranking import rank
from perdure_code.location.report import suspect_sentence
from perdure_code.location.source import Source
from perdure_code.location.spectrum import add_up
from perdure_code.trials.records import TestRecord

SEARCH = """\
def find(xs, x):
    low = 0
    high = len(xs)
    while low <= high:
        middle = (low + high) // 2
        if xs[middle] == x:
            return middle
        if xs[middle] < x:
            low = middle + 1
        else:
            high = middle - 1
    return -1
"""


def located(
    source: str, *failing: TestRecord, passed: Mapping[int, int] | None = None, passing: int = 0
) -> Location:
    parsed = Source.parse("a.py", source.encode())
    assert parsed is not None
    sources = {"a.py": parsed}
    spectrum = add_up(failing, passing, {"a.py": passed or {}}, sources)
    return rank(spectrum, sources, ["test_a.py"])


def failing(*lines: int, **facts: object) -> TestRecord:
    record = TestRecord(
        kind="test", id="test_a.py::test", outcome="failed", seconds=0.0, lines={"a.py": lines}
    )
    return record.model_copy(update=facts)


def test_a_line_that_only_failing_tests_execute_is_first() -> None:
    source = "def f(a):\n    if a:\n        return 1\n    return 2\n"
    found = located(source, failing(2, 3), passed={2: 5, 4: 5}, passing=5)
    assert [one.line for one in found.suspects] == [3, 2]
    assert found.suspects[0].ochiai == 1.0


def test_the_line_that_raised_and_what_makes_its_values_come_first() -> None:
    record = failing(2, 3, 4, 5, 6, 8, 9, error="IndexError", trace=(("test_a.py", 3), ("a.py", 6)))
    first = located(SEARCH, record).suspects[:3]
    assert first[0].line == 6
    assert 5 in {one.line for one in first}
    assert "an exception was raised here" in first[0].evidence[0].reason


def test_a_loop_without_end_comes_before_what_is_outside() -> None:
    record = failing(
        *(2, 3, 4, 5, 6, 8, 9), outcome="stopped", error="Stopped", late={"a.py": (4, 5, 6, 8, 9)}
    )
    lines = [one.line for one in located(SEARCH, record).suspects]
    assert lines[0] == 4
    assert lines.index(9) < lines.index(2)
    assert lines.index(9) < lines.index(3)


def test_a_recursion_that_goes_on_shows_its_base_case() -> None:
    source = (
        "def f(n):\n    m = n\n    if n == 0:\n        return 0\n    k = 1\n"
        "    return k + f(n - 2)\n"
    )
    trace = (("test_a.py", 1), *[("a.py", 6)] * 30)
    found = located(source, failing(2, 3, 5, 6, error="RecursionError", trace=trace))
    assert {one.line for one in found.suspects[:2]} == {3, 6}


def test_a_statement_of_several_lines_counts_once() -> None:
    source = "def f(a):\n    return g(\n        a,\n        a + 1,\n    )\n"
    found = located(source, failing(2, 3, 4))
    assert [(one.line, one.end) for one in found.suspects] == [(2, 5)]


def test_a_file_that_python_does_not_read_is_named_with_its_line() -> None:
    record = TestRecord(
        kind="test",
        id="test_a.py",
        outcome="uncollected",
        seconds=0.0,
        message="SyntaxError: invalid syntax",
        trace=(("test_a.py", 1), ("a.py", 2)),
    )
    test = Source.parse("test_a.py", b"import a\n")
    assert test is not None
    sources = {"test_a.py": test}
    found = rank(add_up([record], 0, {}, sources), sources, ["test_a.py"])
    assert (found.suspects[0].path, found.suspects[0].line) == ("a.py", 2)
    assert "stops reading `a.py:2`: SyntaxError" in suspect_sentence(found.suspects)


def test_a_file_for_another_python_is_ranked_by_its_lines() -> None:
    text = "def f[T](x: T) -> T:\n    if x:\n        return x\n    return None\n"
    found = rank(
        add_up([failing(2, 3)], 3, {"a.py": {2: 3, 4: 3}}, {}, ["a.py"]), {}, [], "", {"a.py": text}
    )
    assert [(one.line, one.text) for one in found.suspects] == [(3, "return x"), (2, "if x:")]
