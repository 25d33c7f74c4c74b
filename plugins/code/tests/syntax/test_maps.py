"""The map of source files, and which Python a file needs."""

from pathlib import Path

import pytest

from perdure.agents import InputError
from perdure_code.syntax.facts import FileMap
from perdure_code.syntax.languages import language_of
from perdure_code.syntax.mapping import map_repository
from perdure_code.syntax.modules import Modules
from perdure_code.syntax.parsing import parse_file
from perdure_code.syntax.python_versions import old_syntax

PYTHON = """
import a.b as c, d
from .x import (y as z, w)
from q import *


class Basket(Thing):
    def total(self, tax: float = 0.1) -> float:  # TODO: discounts
        if tax and self.items:
            return sum(item.price for item in self.items if item)
        return 0.0

    async def send(self):
        pass


def outer():
    def inner():
        if True:
            pass
"""
JAVASCRIPT = """\
import {x as y, z} from "./q";
const f = (a) => { if (a && 1) { return 2 } };
class A { m() { for (;;) {} } }
// TODO: tidy
"""
TYPESCRIPT = """\
import * as fs from "fs";
interface P { x: number }
export function g(p: P): number {
  return p.x > 1 ? 2 : 3;
}
"""
GO = """\
package main
import f "fmt"
func (b *Basket) Total(x int) int {
    if x > 1 { return 2 }
    return 3
}
"""
RUST = """\
use std::io::{Read, Write};
struct P;
impl P {
    fn go(&self) { loop {} }
}
"""
JAVA = """\
import java.util.List;
class A {
  A() {}
  int f(int x) { return x > 1 ? 2 : 3; }
}
"""
Expected = tuple[str, list[tuple[str, str, int, int]], list[tuple[str, tuple[str, ...]]]]
SOURCES: dict[str, Expected] = {
    "a.js": (
        JAVASCRIPT,
        [("f", "function", 2, 2), ("A", "class", 3, 0), ("A.m", "function", 3, 1)],
        [("./q", ("x", "z"))],
    ),
    "a.ts": (
        TYPESCRIPT,
        [("P", "type", 2, 0), ("g", "function", 3, 1)],
        [("fs", ("*",))],
    ),
    "a.go": (GO, [("Basket.Total", "function", 3, 1)], [("fmt", ())]),
    "a.rs": (
        RUST,
        [("P", "type", 2, 0), ("P", "class", 3, 0), ("P.go", "function", 4, 1)],
        [("std::io", ("Read", "Write"))],
    ),
    "A.java": (
        JAVA,
        [("A", "class", 2, 0), ("A.A", "function", 3, 0), ("A.f", "function", 4, 1)],
        [("java.util", ("List",))],
    ),
}


def read(content: str, path: str = "a.py") -> FileMap:
    return parse_file(path, language_of(path), content.encode())


def test_python_in_full() -> None:
    found = read(PYTHON)
    assert [(one.name, one.kind, one.line, one.branches) for one in found.definitions] == [
        ("Basket", "class", 7, 0),
        ("Basket.total", "function", 8, 4),
        ("Basket.send", "function", 13, 0),
        ("outer", "function", 17, 0),
        ("outer.inner", "function", 18, 1),
    ]
    assert found.definitions[1].signature == "def total(self, tax: float = 0.1) -> float"
    assert [(one.module, one.names, one.alias, one.line) for one in found.imports] == [
        ("a.b", (), "c", 2),
        ("d", (), "", 2),
        (".x", ("w",), "", 3),
        (".x", ("y",), "z", 3),
        ("q", ("*",), "", 4),
    ]
    assert [(one.line, one.text) for one in found.remarks] == [(8, "TODO: discounts")]


@pytest.mark.parametrize("path", sorted(SOURCES))
def test_other_languages(path: str) -> None:
    content, definitions, imports = SOURCES[path]
    found = read(content, path)
    assert not found.faults
    assert [
        (one.name, one.kind, one.line, one.branches) for one in found.definitions
    ] == definitions
    assert [(one.module, one.names) for one in found.imports] == imports


@pytest.mark.parametrize(
    ("path", "content", "line"),
    [("a.js", "let x = 1;\nfunction f( {\n", 2), ("a.go", "package main\nfunc f( {}\n", 2)],
)
def test_a_fault_of_syntax_has_its_line(path: str, content: str, line: int) -> None:
    assert read(content, path).faults[0].line == line


@pytest.mark.parametrize(
    ("content", "needs"),
    [
        ("type P[T] = list[T]", "3.12"),
        ("def f[T](x: T): pass", "3.12"),
        ("class A[T]: pass", "3.12"),
        ("def f[T = int](): pass", "3.13"),
        ('x = f"{a["b"]}"', "3.12"),
        ("x = f\"{a['b']}\"", ""),
        ("x = t'{a}'", "3.14"),
        ("try: pass\nexcept* A: pass", "3.11"),
        ("try: pass\nexcept A, B: pass", "3.14"),
        ("try: pass\nexcept A, e: pass", "2"),
        ("match x:\n    case 1: pass", "3.10"),
        ("match = 3\nmatch(x)\ntype(x)", ""),
        ("print 'x'", "2"),
        ("print('x')", ""),
        ("print (a), b", ""),
        ("exec 'x' in d", "2"),
        ("if a <> b: pass", "2"),
        ("x = list[int]", ""),
    ],
)
def test_the_version_that_syntax_needs(content: str, needs: str) -> None:
    assert read(f"{content}\n").needs == needs


@pytest.mark.parametrize(
    "line", [b"raise E, 'x'", b"x = 0777", b"x = 10L", b"x = `a`", b"def f((a, b)): pass"]
)
def test_lines_that_only_python_2_reads(line: bytes) -> None:
    assert old_syntax(line)
    assert not old_syntax(b"raise E('x')")


def test_modules_have_the_names_they_are_imported_by() -> None:
    modules = Modules(
        ["src/pkg/__init__.py", "src/pkg/compat.py", "tools/run.py", "src/pkg/sub/__init__.py"]
    )
    assert modules.files("pkg.compat") == ["src/pkg/compat.py"]
    assert modules.files("run") == modules.files("tools.run") == ["tools/run.py"]
    assert modules.resolve("src/pkg/sub/__init__.py", "..compat") == ["src/pkg/compat.py"]
    assert modules.resolve("src/pkg/compat.py", ".") == ["src/pkg/__init__.py"]
    assert modules.resolve("src/pkg/compat.py", "json") == []


def test_a_repository_is_mapped_and_an_empty_one_refused(tmp_path: Path) -> None:
    (tmp_path / "a.go").write_text("package main\nfunc f() {}\n")
    (tmp_path / "b.py").write_text("x = 1\n")
    found = map_repository(str(tmp_path))
    assert list(found.languages) == ["Go", "Python"]
    assert [file.path for file in found.files] == ["a.go", "b.py"]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="holds no Python file, nor one in another"):
        map_repository(str(empty))
