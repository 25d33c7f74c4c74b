"""What an import statement takes from where, in each language."""

import re
from collections.abc import Iterator
from typing import Final

from tree_sitter import Node

from perdure_code.syntax.facts import Import
from perdure_code.syntax.languages import PYTHON

_QUOTED: Final = re.compile(r"""["'`]([^"'`]+)["'`]""")
_BRACES: Final = re.compile(r"\{([^{}]*)\}")


def imports_of(language: str, node: Node) -> Iterator[Import]:
    """Yield what one import statement imports."""
    line = node.start_point.row + 1
    text = _text(node)
    if language == PYTHON:
        yield from _python(node, line)
    elif language == "Go":
        found = _QUOTED.search(text)
        if found:
            alias = text[: found.start()].strip()
            yield Import(module=found[1], names=(), line=line, alias=alias)
    elif language == "Rust":
        path = text.removeprefix("pub ").removeprefix("use ").rstrip(";").strip()
        inner = _BRACES.search(path)
        names = tuple(_words(inner[1])) if inner else ()
        module = path[: inner.start()].rstrip(":") if inner else path
        yield Import(module=module, names=names, line=line)
    elif language == "Java":
        path = re.sub(r"^import\s+(static\s+)?|;$", "", text).strip()
        module, _, name = path.rpartition(".")
        yield Import(module=module, names=(name,), line=line)
    else:
        yield from _javascript(text, line)


def _python(node: Node, line: int) -> Iterator[Import]:
    if node.type == "import_statement":
        for child in node.children_by_field_name("name"):
            module, alias = _aliased(child)
            yield Import(module=module, names=(), line=line, alias=alias)
        return
    module_node = node.child_by_field_name("module_name")
    module = _text(module_node) if module_node is not None else "__future__"
    taken = node.children_by_field_name("name")
    plain = tuple(_text(child) for child in taken if child.type != "aliased_import")
    if any(child.type == "wildcard_import" for child in node.children):
        plain = ("*",)
    if plain:
        yield Import(module=module, names=plain, line=line)
    for child in taken:
        if child.type == "aliased_import":
            name, alias = _aliased(child)
            yield Import(module=module, names=(name,), line=line, alias=alias)


def _aliased(node: Node) -> tuple[str, str]:
    if node.type != "aliased_import":
        return _text(node), ""
    name, alias = node.child_by_field_name("name"), node.child_by_field_name("alias")
    return _text(name), _text(alias)


def _javascript(text: str, line: int) -> Iterator[Import]:
    module = _QUOTED.findall(text)
    if not module:
        return
    inner = _BRACES.search(text)
    names = tuple(_words(inner[1])) if inner else ()
    if re.search(r"(import|export)\s*\*", text):
        names = ("*",)
    yield Import(module=module[-1], names=names, line=line)


def _words(text: str) -> Iterator[str]:
    for part in text.split(","):
        word = re.split(r"\s+as\s+", part.strip().removeprefix("type "))[0].strip()
        if word:
            yield word


def _text(node: Node | None) -> str:
    return "" if node is None or node.text is None else node.text.decode(errors="replace")
