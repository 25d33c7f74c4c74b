"""Locating and fixing from beginning to end, in the sandbox."""

import asyncio
import hashlib
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from perdure.testing import Rehearsal, rehearse

Write = Callable[[Mapping[str, str]], Path]

STOCK = """\
\"\"\"What a shop has.\"\"\"


def reorder(stock, least):
    \"\"\"Return what is below the least, by name.\"\"\"
    short = []
    for name, count in sorted(stock.items()):
        if count <= least:
            short.append(name)
    return short


def weeks(count, sold):
    \"\"\"Return for how many whole weeks a count lasts.\"\"\"
    passed = 0
    while count != 0:
        count -= sold
        passed += 1
    return passed
"""
REORDER = """\
from shop.stock import reorder


def test_none(): assert reorder({}, 2) == []
def test_short(): assert reorder({"b": 1, "a": 0}, 2) == ["a", "b"]
def test_enough(): assert reorder({"a": 2, "b": 9}, 2) == []
"""
WEEKS = """\
from shop.stock import weeks


def test_even(): assert weeks(4, 2) == 2
def test_odd(): assert weeks(5, 2) == 3
"""


async def do(task: str, root: Path, **parameters: JsonValue) -> Rehearsal:
    return await rehearse(
        "code", "Mend it", {"path": str(root), "task": task, "search_seconds": 60, **parameters}
    )


def state(root: Path) -> dict[str, str]:
    return {
        str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in root.rglob("*")
        if file.is_file()
    }


async def test_one_fault_is_located_and_fixed(write: Write) -> None:
    root = write({"shop/__init__.py": "", "shop/stock.py": STOCK, "tests/test_reorder.py": REORDER})
    before = state(root)
    located = await do("locate", root)
    first = json.loads(located.files["location.json"])["suspects"][0]
    assert (first["path"], first["line"]) == ("shop/stock.py", 8)
    assert "`shop/stock.py:8`" in located.result.summary
    fixed = await do("fix", root)
    assert state(root) == before
    facts: dict[str, Any] = json.loads(fixed.files["fix.json"])
    assert (facts["tests"]["passed"], facts["tests"]["failed"]) == (3, 0)
    patch = fixed.files["fix.patch"]
    await asyncio.to_thread(
        subprocess.run, ["git", "apply", "-"], cwd=root, input=patch, check=True
    )
    assert "if count < least:" in (root / "shop" / "stock.py").read_text()
    assert "The tests do not prove that it is right" in fixed.result.summary
    percentages = [one.percentage for one in fixed.progress]
    assert percentages == sorted(percentages)
    assert b"<script" not in fixed.files["fix.html"]


async def test_two_faults_are_fixed_by_two_edits(write: Write) -> None:
    files = {"tests/test_reorder.py": REORDER, "tests/test_weeks.py": WEEKS}
    root = write({"shop/__init__.py": "", "shop/stock.py": STOCK, **files})
    fixed = await do("fix", root, sandbox="none")
    facts = json.loads(fixed.files["fix.json"])
    assert {one["line"] for one in facts["repair"]["fixes"]} == {8, 16}
    assert (facts["tests"]["passed"], facts["tests"]["failed"]) == (5, 0)


@pytest.mark.parametrize("task", ["locate", "fix"])
async def test_tests_that_pass_leave_nothing_to_do(task: str, write: Write) -> None:
    root = write({"test_a.py": "def test_a(): pass\n"})
    done = await do(task, root)
    assert "there is no fault to look for" in done.result.summary
    assert "fix.patch" not in done.files


async def test_what_cannot_be_fixed_is_said(write: Write) -> None:
    root = write(
        {
            "a.py": "def f():\n    return 1\n",
            "test_a.py": "from a import f\ndef test_a(): assert f() == 'a text of its own'\n",
        }
    )
    done = await do("fix", root)
    assert "No plausible fix was found" in done.result.summary
    assert "there was no further edit to try" in done.result.summary
    assert "`a.py:2`" in done.result.summary


async def test_why_tests_cannot_be_run_is_said(write: Write) -> None:
    root = write({"conftest.py": "import nowhere\n", "test_a.py": "def test_a(): pass\n"})
    done = await do("locate", root)
    assert "conftest.py cannot be imported (ModuleNotFoundError" in done.result.summary
