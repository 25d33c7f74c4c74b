"""Where the paths in a goal's parameters may lead."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, BeforeValidator, Field, JsonValue

from perdure.agents import AgentSpec, Goal, InputPath, ParametersRefused, Result, Run
from perdure.agents.parameters import typed_parameters
from perdure.settings import Settings
from perdure.stores.artifacts.input_paths import InputPaths
from perdure.stores.artifacts.uploads import UploadStore


class Source(BaseModel):
    at: Path
    again: "Source | None" = None


def read_object(value: object) -> object:
    return {"read": True} if isinstance(value, str) and value.startswith("{") else value


class Reads(BaseModel):
    path: InputPath
    more: list[InputPath] = []
    named: dict[str, Path | int] = {}
    source: Source | None = None
    by_alias: Path | None = Field(None, alias="from")
    # As agents have it that take URLs as well.
    texts: list[Annotated[str, Field(json_schema_extra={"format": "path"})]] = []
    either: Annotated[dict[str, JsonValue] | InputPath, BeforeValidator(read_object)] = {}
    name: str = ""


class Tree(BaseModel):
    """Its schema is a reference as a whole."""

    path: Path
    parts: "list[Tree]" = []


async def read(run: Run, goal: Goal, parameters: Reads) -> Result:
    return Result(summary=str(parameters.path))


def typed(
    parameters: dict[str, JsonValue],
    roots: Sequence[Path] | None,
    model: type[BaseModel] = Reads,
) -> dict[str, JsonValue]:
    spec = AgentSpec(name="reads", description="Reads.", agent=read, parameters=model)
    paths = InputPaths(UploadStore(Path("/nonexistent"), 0), roots)
    return typed_parameters(spec, parameters, paths.check)


def path_taken(path: str, roots: Sequence[Path] | None) -> str:
    return str(typed({"path": path}, roots)["path"])


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is the working one, beside a file that is none of its business."""
    folder = tmp_path.resolve() / "root"
    folder.mkdir()
    (folder / "in.txt").write_text("in")
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("path", ["in.txt", "./in.txt", ".", "gone.txt", "a/../in.txt"])
def test_what_lies_in_a_root_is_taken(path: str, root: Path) -> None:
    assert path_taken(path, [root]) == os.path.normpath(root / path)


@pytest.mark.parametrize(
    "path",
    ["../secret.txt", "/etc/passwd", "/", "..", "a/../../secret.txt", "~/x", "../root2", "link",
     "folder/secret.txt", "loop/../../secret.txt", "file:///etc/passwd", "FILE:in.txt",
     "http://../../../etc/passwd", "http://x/../../../../secret.txt", "http:/../../secret.txt",
     '{"a/../../secret.txt'],
)  # fmt: skip
def test_what_leads_elsewhere_is_refused(path: str, root: Path) -> None:
    (root / "link").symlink_to("../secret.txt")
    (root / "folder").symlink_to("..")
    (root / "loop").symlink_to("loop")
    with pytest.raises(ParametersRefused, match="hand the file in") as refused:
        path_taken(path, [root])
    assert [problem.name for problem in refused.value.problems] == ["path"]
    with pytest.raises(ParametersRefused, match=r"more\.1"):
        typed({"path": "in.txt", "more": ["in.txt", path]}, [root])


@pytest.mark.parametrize(
    ("parameters", "place"),
    [
        ({"named": {"a": 5, "b": "../x"}}, "named.b"),
        ({"source": {"at": "a", "again": {"at": "../x"}}}, "source.again.at"),
        ({"from": "../x"}, "from"),
        ({"texts": ["https://pages.test/a", "in.txt", "http:/../.."]}, "texts.2"),
        ({"texts": ["file:///etc/passwd"]}, "texts.0"),
        ({"name": "../x", "texts": [" ../x", ""]}, None),
        ({"either": "../x"}, "either"),
        ({"either": '{"any": "../x"}'}, None),
        ({"either": {"any": "../x"}}, None),
    ],
)
def test_a_path_is_what_the_schema_calls_one(
    parameters: dict[str, JsonValue], place: str | None, root: Path
) -> None:
    given = {"path": "in.txt", **parameters}
    if place is None:
        assert typed(given, [root])["path"] == str(root / "in.txt")
        return
    with pytest.raises(ParametersRefused) as refused:
        typed(given, [root])
    assert [problem.name for problem in refused.value.problems] == [place]


def test_a_model_that_refers_to_itself(root: Path) -> None:
    given: dict[str, JsonValue] = {"path": "in.txt", "parts": [{"path": "a"}]}
    assert typed(given, [root], Tree)["parts"] == [{"path": str(root / "a")}]
    with pytest.raises(ParametersRefused, match=r"parts\.0\.parts\.0\.path"):
        typed({"path": "a", "parts": [{"path": "a", "parts": [{"path": ".."}]}]}, [root], Tree)


def test_a_link_that_is_turned_elsewhere_later_changes_nothing(root: Path) -> None:
    (root / "link").symlink_to("in.txt")
    taken = path_taken("link", [root])
    (root / "link").unlink()
    (root / "link").symlink_to("../secret.txt")
    assert Path(taken).read_text() == "in"


def test_a_root_may_be_a_link_itself(root: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(root)
    assert path_taken(str(tmp_path / "other" / "in.txt"), [tmp_path / "other"]) == f"{root}/in.txt"


def test_without_a_root_nothing_is_taken_and_without_a_limit_anything(root: Path) -> None:
    with pytest.raises(ParametersRefused):
        path_taken("in.txt", [])
    assert path_taken("../secret.txt", None) == "../secret.txt"
    with pytest.raises(ParametersRefused, match="no upload"):
        path_taken("upload:x/in.txt", None)


def test_the_setting(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    assert Settings().file_roots is None
    monkeypatch.setenv("PERDURE_FILE_ROOTS", f"{root}, data")
    assert Settings().file_roots == (root, root / "data")
