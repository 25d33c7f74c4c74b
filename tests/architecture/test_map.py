"""The house as CONTRIBUTING.md draws it: every folder stands there, and data flows one way."""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CORE: Final = ROOT / "core"
MODULES: Final = 14  # of a folder, at most
LINES: Final = 450  # of a file, at most

FILES: Final = sorted(CORE.rglob("*.py"))
FOLDERS: Final = sorted({path.parent for path in FILES})


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def folder_of(name: str) -> Path | None:
    """Return where a name that is imported as ``perdure.…`` comes from; ``None`` for others."""
    first, *rest = name.split(".")
    if first != "perdure":
        return None
    path = CORE.joinpath(*rest)
    while not path.is_dir():  # a module, or what stands in one
        path = path.parent
    return path


def imported(path: Path) -> Iterator[tuple[Path, int]]:
    """Yield the folders that a file imports from, wherever in it, each with the line."""
    package = ["perdure", *path.parent.relative_to(CORE).parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            module = [*above, *filter(None, [node.module])]
            names = [".".join([*module, alias.name]) for alias in node.names]
        else:
            continue
        for name in names:
            if folder := folder_of(name):
                yield folder, node.lineno


def test_every_folder_stands_in_the_map() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `core/")]
    named = [folder for row in rows for folder in re.findall(r"`(core/[\w/]*\w)/?`", row)]
    mapped = set(named)
    assert len(named) == len(mapped), f"named twice: {[*(Counter(named) - Counter(mapped))]}"
    there = {name_of(folder) for folder in FOLDERS if folder != CORE}
    assert there == mapped, (
        f"CONTRIBUTING.md's map leaves out {sorted(there - mapped)}"
        f" and names folders without modules {sorted(mapped - there)}"
    )


def test_no_two_folders_import_each_other() -> None:
    arrows: dict[tuple[Path, Path], list[str]] = defaultdict(list)
    for path in FILES:
        for folder, line in imported(path):
            if folder != path.parent:
                arrows[path.parent, folder].append(f"{name_of(path)}:{line}")
    mutual = [
        f"{name_of(one)} -> {name_of(other)}: {', '.join(arrows[one, other])}\n"
        f"{name_of(other)} -> {name_of(one)}: {', '.join(arrows[other, one])}"
        for one, other in combinations(FOLDERS, 2)
        if (one, other) in arrows and (other, one) in arrows
    ]
    assert not mutual, "these folders import each other:\n" + "\n\n".join(mutual)


def test_no_folder_holds_too_many_modules() -> None:
    modules = {
        name_of(folder): [path.name for path in folder.glob("*.py") if path.stem != "__init__"]
        for folder in FOLDERS
        if folder.name != "versions"  # of migrations: one is added with each, and none goes
    }
    full = {folder: sorted(names) for folder, names in modules.items() if len(names) > MODULES}
    assert not full, f"more than {MODULES} modules are two folders: {full}"


def test_no_file_is_too_long() -> None:
    lines = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    long = {path: count for path, count in lines.items() if count > LINES}
    assert not long, f"more than {LINES} lines are two files: {long}"
