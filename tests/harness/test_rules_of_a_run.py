"""The rules of conftest.py, each seen in a small test run of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\naddopts = --import-mode=importlib -p no:cacheprovider\n"
    )
    return tmp_path


def run_tests(project: Path, source: str, *, ci: bool = False) -> subprocess.CompletedProcess[str]:
    (project / "test_sample.py").write_text(source)
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-ra", "."],
        cwd=project,
        env=environment | ({"CI": "true"} if ci else {}),
        capture_output=True,
        text=True,
        check=False,
    )


SKIPPED_TEST = """
import pytest

def test_that_needs_a_tool():
    pytest.skip("no initdb")
"""
SKIPPED_BY_MARK = """
import pytest

@pytest.mark.skipif(True, reason="no initdb")
def test_that_needs_a_tool():
    pass
"""
SKIPPED_FILE = """
import pytest

pytest.importorskip("initdb", reason="no initdb")

def test_that_needs_a_tool():
    pass
"""
EXPECTED_FAILURE = """
import pytest

@pytest.mark.xfail(reason="known")
def test_that_fails():
    assert False

def test_that_passes():
    pass
"""


@pytest.mark.parametrize("source", [SKIPPED_TEST, SKIPPED_BY_MARK, SKIPPED_FILE])
def test_where_ci_is_set_a_skipped_test_fails_and_says_why(project: Path, source: str) -> None:
    outcome = run_tests(project, source, ci=True)

    assert outcome.returncode != 0
    assert "where CI is set that is a failure" in outcome.stdout
    assert "no initdb" in outcome.stdout


def test_elsewhere_a_test_may_be_skipped(project: Path) -> None:
    outcome = run_tests(project, SKIPPED_TEST)

    assert outcome.returncode == 0
    assert "1 skipped" in outcome.stdout


def test_an_expected_failure_is_no_skip(project: Path) -> None:
    outcome = run_tests(project, EXPECTED_FAILURE, ci=True)

    assert outcome.returncode == 0
    assert "1 passed, 1 xfailed" in outcome.stdout


def test_a_run_that_imports_the_package_by_its_folder_fails(project: Path) -> None:
    (project / "core.py").touch()

    outcome = run_tests(
        project,
        "import sys\nsys.path.insert(0, '.')\nimport core\n\ndef test_nothing():\n    pass\n",
    )

    assert outcome.returncode == pytest.ExitCode.TESTS_FAILED
    assert "import perdure.… instead" in outcome.stderr
