"""The page of problems: each type of the API is on it, and none is made up."""

import importlib
import json
import re
import sys
from pathlib import Path

from perdure.api.problems.types import ProblemType

ROOT = Path(__file__).parents[2]


def test_each_type_is_used_and_documented() -> None:
    # By its name: types are checked where the docs' extension is not.
    sys.path.insert(0, str(ROOT / "docs/_ext"))
    try:
        reference = importlib.import_module("reference.problems")
    finally:
        sys.path.pop(0)
    page = str(reference.markdown())
    for kind in ProblemType:
        assert f"## {kind.slug}\n\n`{kind.uri}`, status {kind.status}: " in page
        assert re.fullmatch(r"[A-Z].*[^.]", kind.title), kind
        assert kind.remedy.endswith("."), kind
    folders = ("core/api", "core/web")
    code = "".join(path.read_text() for name in folders for path in (ROOT / name).rglob("*.py"))
    unused = {kind.name for kind in ProblemType} - set(re.findall(r"ProblemType\.(\w+)", code))
    assert not unused
    shown = (ROOT / "docs/reference/problems.md").read_text()
    (example,) = re.findall(r"```json\n(.*?)```", shown, re.DOTALL)
    assert json.loads(example)["type"] == ProblemType.UNKNOWN_GOAL.uri
