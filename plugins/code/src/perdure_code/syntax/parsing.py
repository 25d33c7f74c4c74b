"""One source file: its definitions, imports, faults and remarks."""

import re
from bisect import bisect_right
from typing import Final

from tree_sitter import Node, QueryCursor

from perdure_code.syntax.facts import Definition, FileMap, Import, Remark, SyntaxFault
from perdure_code.syntax.imports import imports_of
from perdure_code.syntax.languages import PYTHON, reader_of
from perdure_code.syntax.python_versions import version_needed

_FAULTS: Final = 5
_REMARKS: Final = 20
_SIGNATURE: Final = 200
_TODO: Final = re.compile(rb"\b(TODO|FIXME|XXX|HACK)\b")
_KINDS: Final = ("function", "class", "type")

Captures = dict[str, list[Node]]


def parse_file(path: str, language: str, content: bytes) -> FileMap:
    """Read a source file.

    Args:
        path: Relative to the repository.
        language: As :func:`language_of` names it.
        content: The file.
    """
    reader = reader_of(language)
    tree = reader.parser.parse(content)
    captures = QueryCursor(reader.query).captures(tree.root_node)
    needs, because = ("", "")
    if language == PYTHON:
        needs, because = version_needed(tree.root_node)
    imports: list[Import] = []
    for node in _in_order(captures.get("import", [])):
        imports.extend(imports_of(language, node))
    return FileMap(
        path=path,
        language=language,
        lines=content.count(b"\n") + (not content.endswith(b"\n") and bool(content)),
        definitions=tuple(_definitions(captures, content)),
        imports=tuple(imports),
        faults=_faults(captures) if not needs else (),
        remarks=tuple(_remarks(captures)),
        needs=needs,
        because=because,
    )


def _in_order(nodes: list[Node]) -> list[Node]:
    return sorted(nodes, key=lambda node: (node.start_byte, -node.end_byte))


def _definitions(captures: Captures, content: bytes) -> list[Definition]:
    found = [(node, kind) for kind in _KINDS for node in captures.get(kind, [])]
    found.sort(key=lambda one: (one[0].start_byte, -one[0].end_byte))
    branches = _branches([node for node, kind in found if kind == "function"], captures)
    definitions: list[Definition] = []
    around: list[tuple[int, str]] = []  # the end and the qualified name of what is still open
    for node, kind in found:
        while around and around[-1][0] <= node.start_byte:
            around.pop()
        own = node.child_by_field_name("name") or node.child_by_field_name("type")
        text = own.text.decode(errors="replace") if own is not None and own.text else "?"
        receiver = node.child_by_field_name("receiver")
        if receiver is not None and receiver.text:  # Go: func (b *Basket) Total()
            words = re.findall(r"\w+", receiver.text.decode(errors="replace"))
            text = f"{words[-1]}.{text}" if words else text
        name = f"{around[-1][1]}.{text}" if around else text
        around.append((node.end_byte, name))
        definitions.append(
            Definition(
                name=name,
                kind=kind,
                line=node.start_point.row + 1,
                end=node.end_point.row + 1,
                signature=_signature(node, content),
                branches=branches.get(node.id, 0),
            )
        )
    return definitions


def _branches(functions: list[Node], captures: Captures) -> dict[int, int]:
    """Count, for each function, the decisions that are in no function within it."""
    counts: dict[int, int] = {}
    starts = [node.start_byte for node in functions]
    for branch in captures.get("branch", []):
        place = bisect_right(starts, branch.start_byte) - 1
        while place >= 0 and functions[place].end_byte < branch.end_byte:
            place -= 1
        if place >= 0:
            counts[functions[place].id] = counts.get(functions[place].id, 0) + 1
    return counts


def _signature(node: Node, content: bytes) -> str:
    body = node.child_by_field_name("body")
    if body is None:
        value = node.child_by_field_name("value")
        body = value.child_by_field_name("body") if value is not None else None
    end = body.start_byte if body is not None else node.end_byte
    for child in node.children:
        if child.type.endswith("comment") and child.start_byte < end:
            end = child.start_byte
    head = content[node.start_byte : min(end, node.start_byte + 4 * _SIGNATURE)]
    text = " ".join(head.decode(errors="replace").split()).rstrip(" {:")
    return text if len(text) <= _SIGNATURE else f"{text[: _SIGNATURE - 1]}…"


def _faults(captures: Captures) -> tuple[SyntaxFault, ...]:
    faults: dict[int, str] = {}
    for node in _in_order(captures.get("missing", [])):
        faults.setdefault(node.start_point.row + 1, f"`{node.type}` is missing")
    for node in _in_order(captures.get("error", [])):
        text = (node.text or b"").decode(errors="replace").strip().partition("\n")[0][:60]
        faults.setdefault(
            node.start_point.row + 1, f"not understood: `{text}`" if text else "not understood"
        )
    return tuple(SyntaxFault(line=line, message=faults[line]) for line in sorted(faults)[:_FAULTS])


def _remarks(captures: Captures) -> list[Remark]:
    remarks = []
    for node in _in_order(captures.get("comment", [])):
        text = node.text or b""
        found = _TODO.search(text)
        if found:
            line = node.start_point.row + 1 + text[: found.start()].count(b"\n")
            said = text[found.start() :].partition(b"\n")[0].decode(errors="replace")
            remarks.append(Remark(line=line, text=" ".join(said.split())[:200]))
    return remarks[:_REMARKS]
