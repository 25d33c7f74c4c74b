"""What comes of running tests, wherever they are and however they end."""

from pathlib import Path
from typing import Any

import pytest

from perdure_code.sandbox.isolation import Isolation
from perdure_code.sandbox.limits import Limit, Limits
from perdure_code.test_runs import report
from perdure_code.test_runs.outcomes import CaseOutcome, Outcome

PASSES = "def test_a():\n    pass\n"
CASES = "import unittest\nclass A(unittest.TestCase):\n    def test_a(self): pass\n"


@pytest.mark.parametrize(
    ("files", "passed"),
    [
        ({"app/tests.py": CASES}, ["app/tests.py::A::test_a"]),
        ({"app/tests/__init__.py": CASES}, ["app/tests/__init__.py::A::test_a"]),
        ({"checks/verify.py": CASES}, ["checks/verify.py::A::test_a"]),
        ({"tests/basket.py": PASSES, "lib/test.py": "x = 1\n"}, ["tests/basket.py::test_a"]),
        (
            {
                "back/pyproject.toml": "",
                "back/app/__init__.py": "",
                "back/tests/test_a.py": f"import app\n{PASSES}",
            },
            ["back/tests/test_a.py::test_a"],
        ),
        (
            {
                "pytest.ini": "[pytest]\npython_files = *_spec.py\n",
                "a_spec.py": PASSES,
                "test_b.py": PASSES,
            },
            ["a_spec.py::test_a"],
        ),
        (
            {"tox.ini": "[testenv]\ncommands = python -m unittest discover -p 'run_*.py'\n"}
            | {"run_all.py": PASSES},
            ["run_all.py::test_a"],
        ),
        (
            {"pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = ['checks']\n"}
            | {"checks/test_a.py": PASSES, "old/test_b.py": "raise SystemExit\n"},
            ["checks/test_a.py::test_a"],
        ),
        ({"pk.py": '""">>> 1 + 2\n3\n"""\n'}, ["pk.py::pk"]),
        ({"src/pk/__init__.py": "", "tests/test_a.py": f"import pk\n{PASSES}"},
         ["tests/test_a.py::test_a"]),
    ],
)  # fmt: skip
async def test_tests_are_found(
    run_the_tests: Any, files: dict[str, str], passed: list[str]
) -> None:
    result = await run_the_tests(files)
    assert [case.id for case in result.cases] == passed, result
    assert result.outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("files", "outcome", "says"),
    [
        ({"a.py": "x = 1\n"}, Outcome.NONE, "there is no test"),
        ({"test_a.py": "x = 1\n"}, Outcome.NONE, "pytest found no test"),
        (
            {"conftest.py": "import nowhere_to_be_found\n", "test_a.py": PASSES},
            Outcome.UNABLE,
            "its conftest.py cannot be imported (ModuleNotFoundError: No module named 'nowhere",
        ),
        (
            {"conftest.py": "def f(:\n", "test_a.py": PASSES},
            Outcome.UNABLE,
            "its conftest.py cannot be imported (SyntaxError: invalid syntax)",
        ),
        (
            {"conftest.py": "def pytest_collection_modifyitems(): 1 / 0\n", "test_a.py": PASSES},
            Outcome.UNABLE,
            "pytest itself failed (ZeroDivisionError: division by zero, in conftest.py)",
        ),
        (
            {"pytest.ini": "[pytest]\nminversion = 99\n", "test_a.py": PASSES},
            Outcome.UNABLE,
            "requires pytest-99",
        ),
        (
            {"pytest.ini": "[pytest]\nrequired_plugins = pytest-nowhere\n", "test_a.py": PASSES},
            Outcome.UNABLE,
            "Missing required plugins: pytest-nowhere",
        ),
        (
            {"test_a.py": "import nowhere_to_be_found\n"},
            Outcome.UNABLE,
            "the Python that ran them lacks nowhere_to_be_found",
        ),
        (
            {"test_a.py": "def f(:\n"},
            Outcome.UNABLE,
            "no test file can be imported: test_a.py (SyntaxError: invalid syntax)",
        ),
        (
            {"test_a.py": "import os\ndef test_a():\n    os.abort()\n"},
            Outcome.UNABLE,
            "pytest was ended by SIGABRT while test_a.py::test_a ran",
        ),
        (
            {"test_a.py": "import os\ndef test_a():\n    os._exit(0)\n"},
            Outcome.UNABLE,
            "pytest ended with status 0 while test_a.py::test_a ran",
        ),
        (
            {"test_a.py": "def test_a():\n    raise KeyboardInterrupt\n"},
            Outcome.UNABLE,
            "the tests were interrupted while test_a.py::test_a ran",
        ),
    ],
)
async def test_the_end_of_pytest_is_told_by_its_cause(
    run_the_tests: Any, files: dict[str, str], outcome: Outcome, says: str
) -> None:
    result = await run_the_tests(files)
    assert result.outcome is outcome
    assert says in result.ended


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"conftest.py": "pytest_plugins = 'nowhere_x'\n"}, 'importing plugin "nowhere_x"'),
        (
            {"conftest.py": "import os; os._exit(0)\n"},
            "status 0 before a test had begun",
        ),
        (
            {"conftest.py": "import sys; sys.exit(3)\n"},
            "status 3 before a test had begun",
        ),
        ({"conftest.py": "import pytest; pytest.exit('no licence')\n"}, "Exit: no licence"),
        ({"pytest.ini": "addopts = x\n"}, "pytest.ini:1: no section header defined"),
        (
            {"pytest.ini": "[pytest]\nfilterwarnings = error::NoSuch\n"},
            "refused to start (AttributeError: module 'builtins' has no attribute 'NoSuch')",
        ),
        (
            {"pytest.ini": "[pytest]\nfilterwarnings = error\n"}
            | {"conftest.py": "import warnings; warnings.warn('old', DeprecationWarning)\n"},
            "its conftest.py cannot be imported (DeprecationWarning: old)",
        ),
    ],
)
async def test_why_pytest_does_not_start_is_told(
    run_the_tests: Any, files: dict[str, str], says: str
) -> None:
    result = await run_the_tests({**files, "test_a.py": PASSES})
    assert result.outcome is Outcome.UNABLE
    assert says in result.ended


async def test_a_file_that_cannot_be_imported_leaves_the_others_running(
    run_the_tests: Any,
) -> None:
    result = await run_the_tests({"test_a.py": PASSES, "test_b.py": "import nowhere_to_be_found\n"})
    assert (result.outcome, result.passed, result.failed) == (Outcome.FAILED, 1, 1)
    (failure,) = result.failures
    assert (failure.id, failure.outcome) == ("test_b.py", CaseOutcome.ERROR)
    assert (failure.path, failure.line) == ("test_b.py", 1)
    assert any("lacks nowhere_to_be_found" in note for note in result.notes)


async def test_each_kind_of_outcome_is_told_apart(run_the_tests: Any) -> None:
    result = await run_the_tests(
        {
            "test_a.py": (
                "import pytest\n@pytest.fixture\ndef broken(): 1 / 0\n"
                "@pytest.fixture\ndef leaves():\n    yield\n    1 / 0\n"
                "def test_error(broken): pass\ndef test_fails(): assert 1 == 2\n"
                "def test_left(leaves): pass\ndef test_passes(): pass\n"
                "def test_skips(): pytest.skip('why')\n"
                "@pytest.mark.xfail\ndef test_expected(): assert 0\n"
                "@pytest.mark.xfail(strict=True)\ndef test_unexpected(): pass\n"
            )
        }
    )
    assert {case.id.partition("::")[2]: case.outcome.value for case in result.cases} == {
        "test_error": "error",
        "test_fails": "failed",
        "test_left": "error",
        "test_passes": "passed",
        "test_skips": "skipped",
        "test_expected": "skipped",
        "test_unexpected": "failed",
    }
    failed = next(case for case in result.cases if case.id.endswith("test_fails"))
    assert (failed.message, failed.path, failed.line) == ("assert 1 == 2", "test_a.py", 9)
    assert "assert 1 == 2" in failed.details


async def test_only_the_tests_that_were_asked_for_are_run(run_the_tests: Any) -> None:
    files = {"test_a.py": "def test_a(): pass\ndef test_b(): pass\ndef test_c(): pass\n"}
    result = await run_the_tests(files, "test_a.py::test_c", "test_a.py::test_a")
    assert [case.id for case in result.cases] == ["test_a.py::test_c", "test_a.py::test_a"]


async def test_tests_that_take_too_long_are_stopped_and_named(run_the_tests: Any) -> None:
    files = {"test_a.py": f"{PASSES}def test_hangs():\n    while True: pass\n"}
    result = await run_the_tests(files, limits=Limits(seconds=2))
    assert (result.outcome, result.limit) == (Outcome.TIMEOUT, Limit.TIME)
    assert result.stopped_in == "test_a.py::test_hangs"
    assert result.passed == 1
    assert "raise the parameter 'tests_timeout'" in result.ended
    assert "test_a.py::test_hangs" in result.ended


async def test_warnings_as_errors_do_not_meet_the_worker_s_plugins(run_the_tests: Any) -> None:
    settings = "[pytest]\nfilterwarnings = error\nasyncio_mode = auto\n"
    result = await run_the_tests({"pytest.ini": settings, "test_a.py": PASSES})
    assert result.outcome is Outcome.PASSED, result


async def test_plugins_that_the_repository_declares_are_loaded(run_the_tests: Any) -> None:
    test = "import asyncio\nasync def test_a():\n    await asyncio.sleep(0)\n"
    settings = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    files = {"pytest.ini": settings, "test_a.py": test}
    assert (await run_the_tests(files)).passed == 0
    result = await run_the_tests({**files, "requirements-dev.txt": "pytest-asyncio>=0.21\n"})
    assert (result.outcome, result.passed) == (Outcome.PASSED, 1), result


async def test_options_that_pytest_refuses_are_left_out_and_the_others_kept(
    run_the_tests: Any,
) -> None:
    options = "--nothing=pk --nowhere --deselect test_x.py::test_b -k 'test_a or test_b'"
    files = {
        "pytest.ini": f"[pytest]\naddopts = {options}\n",
        "test_x.py": "def test_a(): pass\ndef test_b(): pass\ndef test_c(): pass\n",
    }
    result = await run_the_tests(files)
    assert [case.id for case in result.cases] == ["test_x.py::test_a"]
    assert any("--nothing=pk --nowhere" in note for note in result.notes)


async def test_a_conftest_that_runs_at_import_reaches_nothing(
    run_the_tests: Any, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    conftest = f"""
import os, pathlib, socket, subprocess
told = []
for attempt in (
    lambda: pathlib.Path({str(trace)!r}).write_text("x"),
    lambda: pathlib.Path({str(tmp_path)!r}).joinpath("repo", "conftest.py").write_text("x"),
    lambda: pathlib.Path.home().joinpath("..", "..", "root", "x").write_text("x"),
    lambda: socket.create_connection(("192.0.2.1", 80), timeout=5),
):
    try:
        attempt()
    except OSError as error:
        told.append(type(error).__name__)
"""
    test = "from conftest import told\ndef test_a():\n    assert len(told) == 4, told\n"
    result = await run_the_tests({"conftest.py": conftest, "test_a.py": test})
    assert result.outcome is Outcome.PASSED, result
    assert not trace.exists()


async def test_a_report_that_a_test_has_forged_is_read_as_far_as_it_makes_sense(
    run_the_tests: Any,
) -> None:
    forged = 'null\n[]\n{{"kind": "test", "id": 7, "seconds": "x", "line": null}}\nnonsense\n'
    test = f"""
import os
def test_a():
    with open(os.environ["PERDURE_TEST_REPORT"], "a") as report:
        report.write({forged.replace("{{", "{").replace("}}", "}")!r})
"""
    result = await run_the_tests({"test_a.py": test})
    assert CaseOutcome.PASSED in {case.outcome for case in result.cases}


async def test_without_isolation_the_result_says_so(run_the_tests: Any) -> None:
    result = await run_the_tests({"test_a.py": PASSES}, isolation=Isolation.NONE)
    assert (result.outcome, result.isolation) == (Outcome.PASSED, "none")
    assert "without a sandbox: with the worker's rights." in "\n".join(report.tests_section(result))


async def test_without_a_sandbox_nothing_is_run_and_the_result_says_what_to_do(
    run_the_tests: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    trace = tmp_path / "trace"
    result = await run_the_tests({"test_a.py": f"open({str(trace)!r}, 'w')\n{PASSES}"})
    assert result.outcome is Outcome.UNABLE
    assert "sandbox=none" in result.ended
    assert not trace.exists()
