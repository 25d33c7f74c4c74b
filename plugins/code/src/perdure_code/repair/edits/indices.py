"""Another index, slice or item."""

import ast
from collections.abc import Iterator

from perdure_code.repair.edits.change import Change, Part, parts, replace, tight_text
from perdure_code.repair.edits.scope import Scope


def index_changes(scope: Scope) -> Iterator[Change]:
    """Yield the edits that change what a subscript of the statement takes."""
    source = scope.source
    for part in parts(scope.statement):
        node = part.node
        if isinstance(node, ast.Subscript):
            if isinstance(node.slice, ast.Slice):
                yield from _slices(scope, node, node.slice)
            else:
                yield from _items(scope, part, node)
        if isinstance(node, ast.Tuple) and len(node.elts) == 2 and source.text(node) != "":
            first, second = node.elts
            edits = (
                (*source.span(first), source.text(second)),
                (*source.span(second), source.text(first)),
            )
            if source.text(first) != source.text(second):
                yield Change(edits, "swap the two items", 0.45)
        if (
            isinstance(node, ast.Name)
            and node.id in scope.containers
            and isinstance(node.ctx, ast.Load)
            and part.field != "func"
            and not (isinstance(part.parent, ast.Subscript) and part.field == "value")
        ):
            yield from _sliced(scope, part, node)


def _slices(scope: Scope, node: ast.Subscript, inner: ast.Slice) -> Iterator[Change]:
    source = scope.source
    value = tight_text(source, node.value)
    lower = source.text(inner.lower) if inner.lower else ""
    upper = source.text(inner.upper) if inner.upper else ""
    step = f":{source.text(inner.step)}" if inner.step else ""
    span = source.span(node)
    texts = {
        f"{value}[{upper}:{lower}{step}]": 0.35,
        f"{value}[{lower}:{step}]": 0.35,
        f"{value}[:{upper}{step}]": 0.35,
        f"{value}[:]": 0.15,
        value: 0.3,
    }
    if not lower:
        texts |= {f"{value}[1:{upper}{step}]": 0.4}
        for name in scope.names:
            if name not in scope.containers:
                texts |= {f"{value}[{name}:{upper}{step}]": 0.2}
    if not upper:
        texts |= {f"{value}[{lower}:-1{step}]": 0.4}
        for name in scope.names:
            if name not in scope.containers:
                texts |= {f"{value}[{lower}:{name}{step}]": 0.2}
    for text, likelihood in texts.items():
        if text != source.text(node):
            yield Change(((*span, text),), f"take `{text}`", likelihood)


def _items(scope: Scope, part: Part, node: ast.Subscript) -> Iterator[Change]:
    source = scope.source
    if isinstance(node.value, ast.Subscript) and not isinstance(node.value.slice, ast.Slice):
        one, other = source.text(node.value.slice), source.text(node.slice)
        if one != other:
            edits = (
                (*source.span(node.value.slice), other),
                (*source.span(node.slice), one),
            )
            yield Change(edits, f"swap the indices `{one}` and `{other}`", 0.55)
    value = tight_text(source, node.value)
    if isinstance(node.slice, ast.Tuple):
        for item in node.slice.elts:
            for sign in ("+", "-"):
                text = f"{source.text(item)} {sign} 1"
                yield Change(((*source.span(item), text),), f"take item `{text}`", 0.4)
    elif isinstance(node.ctx, ast.Load):
        texts = {f"{value}[-1]": 0.3, f"{value}[0]": 0.3, value: 0.25}
        texts |= {f"{value}.get({source.text(node.slice)})": 0.15}
        for text, likelihood in texts.items():
            if text != source.text(node):
                edit = replace(source, part, text, tight=True)
                yield Change((edit,), f"take `{text}`", likelihood)


def _sliced(scope: Scope, part: Part, node: ast.Name) -> Iterator[Change]:
    bounds = [name for name in scope.names if name not in scope.containers]
    texts = {f"{node.id}[1:]": 0.3, f"{node.id}[:-1]": 0.25, f"{node.id}[::-1]": 0.2}
    texts |= {f"{node.id}[{name}:]": 0.2 for name in bounds}
    texts |= {f"{node.id}[:{name}]": 0.15 for name in bounds}
    texts |= {f"{node.id}[{name}]": 0.12 for name in bounds}
    for text, likelihood in texts.items():
        edit = replace(scope.source, part, text, tight=True)
        yield Change((edit,), f"`{text}` instead of `{node.id}`", likelihood)
