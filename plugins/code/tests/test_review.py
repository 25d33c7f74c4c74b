"""Reviews of the sample package, and of repositories that make it difficult."""

import ast
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from perdure.agents import AgentSpec, InputError, ParametersRefused, StepFailed
from perdure.testing import Rehearsal, rehearse
from perdure_code.plugin import check, register_agents
from perdure_code.repository.unified_diff import difference
from perdure_code.repository.working_copy import resolve
from perdure_code.review import complexity as mccabe
from perdure_code.review.severity import level_of
from perdure_code.sandbox import bubblewrap
from perdure_code.tasks import review as task
from perdure_code.test_runs.outcomes import Outcome, TestsResult

SHOP = Path(__file__).parents[3] / "examples" / "code"


async def review(path: Path, **parameters: JsonValue) -> Rehearsal:
    return await rehearse("code", "Review this", {"path": str(path), **parameters})


def core(rehearsal: Rehearsal) -> dict[str, Any]:
    return dict(rehearsal.result.data)


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def state(root: Path) -> dict[str, str]:
    return {
        str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in root.rglob("*")
        if file.is_file()
    }


def git(folder: Path, *arguments: str, patch: bytes = b"") -> None:
    subprocess.run(["git", *arguments], cwd=folder, input=patch, check=True, capture_output=True)


def try_patch(patch: bytes, root: Path, command: str) -> None:
    arguments = {"git": ["git", "apply", "--check", "-"], "patch": ["patch", "-p1", "--dry-run"]}
    subprocess.run(arguments[command], cwd=root, input=patch, check=True, capture_output=True)


async def test_the_sample_is_reviewed_truly() -> None:
    before = state(SHOP)
    rehearsal = await review(SHOP)
    found = core(rehearsal)
    assert state(SHOP) == before
    rules = {one["code"]: one for one in found["findings"]["heaviest"]}
    assert {"B006", "E722", "S602", "F401", "UP006"} <= set(rules)
    assert rules["B006"]["path"] == "shop/basket.py"
    source = (SHOP / "shop" / "basket.py").read_text().splitlines()
    assert "= []" in source[rules["B006"]["line"] - 1]
    levels = [one["level"] for one in found["findings"]["heaviest"]]
    assert levels == sorted(levels, key=["error", "risk", "warning", "style"].index)
    assert [one["name"] for one in found["complexity"]["worst"]] == ["final_price"]
    assert (found["tests"]["passed"], found["tests"]["failed"]) == (7, 1)
    (failure,) = found["tests"]["failures"]
    assert failure["id"] == "tests/test_shop.py::BasketTest::test_a_new_basket_is_empty"
    assert (failure["path"], failure["line"]) == ("tests/test_shop.py", 19)
    assert failure["message"] == "AssertionError: 4.5 != 0"
    assert "Basket().total()" in failure["details"]
    assert found["tests_with_fixes"] is not None
    assert found["tests_with_fixes"]["failed"] == 1
    text = rehearsal.files["review.md"].decode()
    assert "`shop/basket.py:20`" in text
    assert "with them applied the tests go as before" in rehearsal.result.summary


@pytest.mark.parametrize("command", ["git", "patch"])
async def test_the_patch_applies(command: str) -> None:
    try_patch((await review(SHOP, tests=False)).files["fixes.patch"], SHOP, command)


async def test_the_patch_applies_in_a_folder_of_a_git_repository(tmp_path: Path) -> None:
    top = tmp_path / "top"
    package = write(top / "inner", {"a b/ünï.py": "import os\nx = 1\n"})
    git(top, "init", "-q")
    patch = (await review(package)).files["fixes.patch"]
    git(package, "apply", "-", patch=patch)
    assert (package / "a b" / "ünï.py").read_text() == "x = 1\n"


@pytest.mark.parametrize(
    "content",
    [
        "import os\r\nx = 1\r\n",
        "import os\nx = 1",
        "x = 1\nimport os",
        "import os\n\x0c\nclass A(object):\n    pass\n",
        "import os\n",
    ],
)
async def test_odd_ends_of_lines_survive_the_patch(content: str, tmp_path: Path) -> None:
    root = write(tmp_path / "repo", {"a.py": content})
    patch = (await review(root)).files["fixes.patch"]
    git(root, "apply", "-", patch=patch)
    expected = content.replace("import os\r\n", "").replace("import os\n", "")
    expected = expected.replace("import os", "").replace("(object)", "")
    assert (root / "a.py").read_bytes() == expected.encode()


async def test_a_file_that_is_not_utf_8_is_an_error_and_not_in_the_patch(tmp_path: Path) -> None:
    latin = "# -*- coding: latin-1 -*-\nimport os\nx = 'é'\n".encode("latin-1")
    root = write(tmp_path / "repo", {"a.py": "import os\n", "b.py": latin})
    rehearsal = await review(root)
    try_patch(rehearsal.files["fixes.patch"], root, "git")
    assert b"b.py" not in rehearsal.files["fixes.patch"]
    first = core(rehearsal)["findings"]["heaviest"][0]
    assert (first["code"], first["path"], first["level"]) == ("E902", "b.py", "error")


async def test_clean_code_brings_no_patch(tmp_path: Path) -> None:
    rehearsal = await review(write(tmp_path / "repo", {"a.py": "x = 1\n"}))
    assert set(rehearsal.files) == {
        f"review.{end}" for end in ("md", "html", "json", "schema.json")
    }
    assert "The linter finds nothing. It has no tests. There is no safe fix" in (
        rehearsal.result.summary
    )


async def test_the_failure_that_the_fixes_cause_is_in_the_review(tmp_path: Path) -> None:
    test = (
        "from pathlib import Path\n\n\ndef test_a():\n"
        "    assert 'import os' in Path('a.py').read_text(), 'a.py imports nothing'\n"
    )
    rehearsal = await review(write(tmp_path / "repo", {"a.py": "import os\n", "test_a.py": test}))
    text = rehearsal.files["review.md"].decode()
    assert "with them applied the tests go differently" in rehearsal.result.summary
    _, _, shown = text.partition("These tests fail with the fixes applied and did not before:")
    assert "`test_a.py::test_a`" in shown
    assert "a.py imports nothing" in shown


async def test_the_python_that_a_file_needs_is_named(tmp_path: Path) -> None:
    files = {"new.py": "def f[T](x: T) -> T:\n    return x\n", "old.py": "print 'x'\n"}
    text = (await review(write(tmp_path / "repo", files), tests=False)).files["review.md"].decode()
    newer = "needs Python 3.12 for type parameters in line 1" in text
    assert newer == (sys.version_info < (3, 12))
    assert "`old.py`: it is written for Python 2: a `print` statement in line 1" in text
    assert text.count("| error |") == 1


async def test_a_repository_without_python_is_reviewed_by_its_syntax(tmp_path: Path) -> None:
    many = " ".join(f"if (a == {number}) {{ return {number} }}" for number in range(12))
    root = write(tmp_path / "repo", {"a.js": f"function f(a) {{ {many} }}\n", "b.go": "func (\n"})
    text = (await review(root, tests=False)).files["review.md"].decode()
    assert "| `f` | `a.js:1` | 13 | 1 |" in text
    assert "`b.go:1`" in text


async def test_the_repository_s_own_rules_are_used(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[tool.ruff.lint]\nselect = ["Q000"]\n',
        "a.py": "import os\nx = 'a'\n",
    }
    found = core(await review(write(tmp_path / "repo", files)))
    assert [one["code"] for one in found["findings"]["heaviest"]] == ["Q000"]


async def test_rules_that_ruff_refuses_are_set_aside_and_told(tmp_path: Path) -> None:
    files = {"ruff.toml": 'lint.select = ["NOPE"]\n', "a.py": "import os\n"}
    rehearsal = await review(write(tmp_path / "repo", files))
    assert [one["code"] for one in core(rehearsal)["findings"]["heaviest"]] == ["F401"]
    assert "settings for ruff were set aside" in rehearsal.files["review.md"].decode()


async def test_settings_above_the_repository_do_not_count(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"ruff.toml": 'lint.select = ["Q000"]\n', "pytest.ini": "[pytest]\naddopts = --x\n"},
    )
    files = {"a.py": "import os\n", "test_a.py": "def test_a():\n    pass\n"}
    found = core(await review(write(tmp_path / "repo", files)))
    assert [one["code"] for one in found["findings"]["heaviest"]] == ["F401"]
    assert found["tests"]["outcome"] == "passed"


async def test_invalid_python_is_an_error_at_the_top(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "a.py": "def f(:\n",
        "b.py": "import os\n",
        "c.py": b"x = '\xff'\n",
        "d.py": b"\0",
    }
    rehearsal = await review(write(tmp_path / "repo", files))
    first = core(rehearsal)["findings"]["heaviest"][0]
    assert (first["level"], first["path"]) == ("error", "a.py")
    assert all(f"- `{name}.py`: " in rehearsal.files["review.md"].decode() for name in "acd")


async def test_tools_and_environments_are_not_reviewed(tmp_path: Path) -> None:
    junk = [".git/x.py", ".venv/lib/x.py", "node_modules/x.py", "build/x.py", "a.egg-info/x.py"]
    files = {
        **dict.fromkeys(junk, "import os\n"),
        "mine/pyvenv.cfg": "",
        "mine/x.py": "import os\n",
    }
    found = core(await review(write(tmp_path / "repo", {**files, "a.py": "x = 1\n"})))
    assert found["repository"]["files"] == 1


async def test_markdown_in_a_name_stays_in_its_cell(tmp_path: Path) -> None:
    root = write(tmp_path / "repo", {"a|b`c.py": "import os\n"})
    text = (await review(root)).files["review.md"].decode()
    (row,) = [line for line in text.splitlines() if line.startswith("| style")]
    assert row.replace("\\|", "").count("|") == 6


@pytest.mark.parametrize(
    ("files", "outcome", "says"),
    [
        ({"test_a.py": "def test_a():\n    assert True\n"}, "passed", "tests pass (1 passed"),
        ({"test_a.py": "import nowhere_to_be_found\n"}, "unable", "lacks nowhere_to_be_found"),
        ({"test_a.py": "x = 1\n"}, "none", "It has no tests"),
        ({"test_a.py": "import os\nos._exit(9)\n"}, "unable", "ended with status 9"),
        (
            {
                "pytest.ini": "[pytest]\naddopts = --option-of-no-plugin\n",
                "test_a.py": "def test_a():\n    pass\n",
            },
            "passed",
            "refused options that",
        ),
        (
            {
                "src/pkg/__init__.py": "x = 1\n",
                "tests/test_a.py": "import pkg\ndef test_a(): pass\n",
            },
            "passed",
            "tests pass (1 passed",
        ),
    ],
)
async def test_every_outcome_of_the_tests_is_told(
    files: dict[str, str], outcome: str, says: str, tmp_path: Path
) -> None:
    rehearsal = await review(write(tmp_path / "repo", files))
    assert core(rehearsal)["tests"]["outcome"] == outcome
    assert says in rehearsal.files["review.md"].decode()


async def test_off_means_that_nothing_of_the_repository_is_executed(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    files = dict.fromkeys(("test_a.py", "conftest.py"), f"open({str(trace)!r}, 'w')\nimport os\n")
    found = core(await review(write(tmp_path / "repo", files), tests=False))
    assert found["tests"]["outcome"] == "off"
    assert not trace.exists()


async def test_missing_and_wrong_folders_are_refused(tmp_path: Path) -> None:
    cases = {
        tmp_path / "nowhere": "does not exist",
        write(tmp_path, {"a.py": ""}) / "a.py": "is a file",
        write(tmp_path / "text", {"a.txt": "x"}): "holds no Python file",
    }
    for path, says in cases.items():
        with pytest.raises(StepFailed, match=says) as caught:
            await review(path)
        assert caught.value.failure.permanent
        assert caught.value.failure.type == "InputError"
    with pytest.raises(ParametersRefused, match="tests_timeout"):
        await review(tmp_path, tests_timeout="soon")


def test_an_unreadable_folder_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("locked")
    folder.chmod(0)
    root = os.geteuid() == 0
    if root:  # root may read everything: be somebody else meanwhile
        os.seteuid(65_534)
    try:
        with pytest.raises(InputError, match="may not be read"):
            resolve(str(folder))
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)


def refusing(step: Callable[..., object]) -> Callable[..., object]:
    @wraps(step)
    def refuse(*_: object) -> None:
        raise AssertionError("a finished step ran again")

    return refuse


async def test_a_retry_repeats_no_finished_step(monkeypatch: pytest.MonkeyPatch) -> None:
    from perdure.testing import MemoryJournal

    journal, broken = MemoryJournal(), True

    async def run_tests(*_: object, **__: object) -> TestsResult:
        if broken:
            raise OSError("no space left on device")
        return TestsResult(outcome=Outcome.PASSED, passed=1)

    monkeypatch.setattr(task, "run_tests", run_tests)
    with pytest.raises(StepFailed, match="no space left"):
        await rehearse("code", "Review this", {"path": str(SHOP)}, journal=journal)
    finished = dict(journal.steps)
    assert {key.name for key in finished} == {"survey", "map", "lint", "measure functions", "fix"}
    broken = False

    for step in ("survey", "map_repository", "lint", "measure_functions", "make_fixes"):
        monkeypatch.setattr(task, step, refusing(getattr(task, step)))
    again = await rehearse("code", "Review this", {"path": str(SHOP)}, journal=journal)
    assert core(again)["tests"]["passed"] == 1
    assert {key: journal.steps[key] for key in finished} == finished


async def test_progress_rises_from_0_to_100() -> None:
    progress = (await review(SHOP, tests=False)).progress
    percentages = [told.percentage for told in progress]
    assert percentages == sorted(percentages)
    assert (percentages[0], percentages[-1]) == (0, 100)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("pass", 1),
        ("if a: pass\nelif b: pass\nelse: pass", 3),
        ("for x in y:\n    while z: pass", 3),
        ("try: pass\nexcept A: pass\nexcept B: pass\nfinally: pass", 3),
        ("return a and b or c", 3),
        ("return [x for x in y if x if z]", 4),
        ("match a:\n    case 1: pass\n    case 2: pass\n    case _: pass", 3),
        ("def inner():\n    if a: pass", 1),
    ],
)
def test_complexity_counts_decisions(source: str, expected: int) -> None:
    body = "\n".join(f"    {line}" for line in source.splitlines())
    (function,) = ast.parse(f"def f():\n{body}").body
    assert isinstance(function, ast.FunctionDef)
    assert mccabe.complexity(function) == expected


@pytest.mark.parametrize(
    ("rule", "level"),
    [
        ("F401", "style"),
        ("F821", "error"),
        ("FURB167", "style"),
        ("SLOT000", "style"),
        ("S602", "risk"),
        ("invalid-syntax", "error"),
        ("B006", "risk"),
        ("XYZ1", "style"),
    ],
)
def test_rules_weigh_by_their_whole_prefix(rule: str, level: str) -> None:
    assert level_of(rule) == level


def test_a_name_that_needs_quoting_is_quoted() -> None:
    assert difference('a"b.py', "x\n", "y\n").text.startswith('--- "a/a\\"b.py"\n')


def test_a_sandbox_that_cannot_be_made_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "_working", set())
    monkeypatch.setattr(bubblewrap, "_probe", lambda *_: "setting up uid map: Permission denied")
    (sandbox,) = [one for one in check() if one.part == "bwrap"]
    assert not sandbox.found
    assert "setting up uid map: Permission denied" in sandbox.advice


def test_registering_imports_nothing_heavy() -> None:
    (spec,) = register_agents()
    assert isinstance(spec, AgentSpec)
    assert [(one.part, one.found, bool(one.version), one.required) for one in check()] == [
        ("ruff", True, True, True),
        ("pytest", True, True, True),
        ("bwrap", True, False, False),
        ("git", True, False, False),
    ]
    told = subprocess.run(
        [sys.executable, "-c", "import sys, perdure_code.plugin; print('pytest' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    )
    assert told.stdout.strip() == "False"
