"""Statements dropped, moved, repeated, guarded, or put in where one is missing."""

import ast
from collections.abc import Iterator
from typing import Final

from perdure_code.location.source import Source, Statement
from perdure_code.repair.edits.change import Change
from perdure_code.repair.edits.conditions import atoms
from perdure_code.repair.edits.scope import Scope

_SIMPLE: Final = (ast.Assign, ast.AugAssign, ast.Expr, ast.Return, ast.Delete)
_MOST: Final = 10


def block_changes(scope: Scope) -> Iterator[Change]:
    """Yield the edits that change which statements there are around this one."""
    statement = scope.statement
    if statement.owner is None:
        return
    yield from _dropped(scope)
    yield from _moved(scope)
    yield from _jumps(scope)
    yield from _guarded(scope)
    yield from _updates(scope)
    yield from _repeated(scope)
    yield from _base_cases(scope)
    yield from _returns(scope)


def _whole(source: Source, statement: Statement) -> tuple[int, int, str, str]:
    """Return where a statement's lines begin and end, its indentation, and its text."""
    node = statement.node
    start = source.line_start(statement.line)
    end = source.line_start((node.end_lineno or node.lineno) + 1)
    line = source.line_text(statement.line)
    indent = line[: len(line) - len(line.lstrip())]
    return start, end, indent, source.between(start, end)


def _alone(source: Source, statement: Statement) -> bool:
    """Whether a statement has its lines for itself."""
    first = source.line_text(statement.line)[: statement.node.col_offset]
    return not first.strip() and ";" not in source.line_text(statement.line)


def _insert(scope: Scope, lines: list[str], *, after: bool, deeper: bool = False) -> Change | None:
    """Return the edit that puts lines before or after the statement, or first in its block."""
    source, statement = scope.source, scope.statement
    if not _alone(source, statement):
        return None
    start, end, indent, text = _whole(source, statement)
    if deeper:
        body = getattr(statement.node, "body", None)
        if not body or body[0].lineno == statement.node.lineno:
            return None
        start = source.line_start(body[0].lineno)
        indent = " " * body[0].col_offset
    at = end if after else start
    written = "".join(f"{indent}{line}\n" for line in lines)
    if after and not text.endswith("\n"):
        written = "\n" + written.removesuffix("\n")
    return Change(((at, at, written),), "", 0.0)


def _inserted(
    scope: Scope, lines: list[str], likelihood: float, *, after: bool, deeper: bool = False
) -> Iterator[Change]:
    change = _insert(scope, lines, after=after, deeper=deeper)
    if change is not None:
        what = f"add `{'; '.join(line.strip() for line in lines)}`"
        yield Change(change.edits, what, likelihood)


def _dropped(scope: Scope) -> Iterator[Change]:
    source, statement = scope.source, scope.statement
    if not _alone(source, statement) or isinstance(statement.node, ast.FunctionDef):
        return
    start, end, indent, text = _whole(source, statement)
    kept = "" if len(statement.block) > 1 else f"{indent}pass\n"
    what = f"drop `{text.strip().splitlines()[0]}`"
    yield Change(((start, end, kept),), what, 0.4, removes=True)
    if isinstance(statement.node, ast.If | ast.For | ast.While) and not statement.node.orelse:
        body = statement.node.body
        if body[0].lineno > statement.end:
            first = source.line_start(body[0].lineno)
            inner = source.between(first, end)
            depth = body[0].col_offset - len(indent)
            edit = (start, end, _shifted(inner, -depth))
            what = f"do without `{text.strip().splitlines()[0]}`"
            yield Change((edit,), what, 0.25, removes=True)


def _shifted(text: str, columns: int) -> str:
    lines = []
    for line in text.splitlines(keepends=True):
        blank = not line.strip()
        lines.append(line if blank else (" " * columns + line if columns > 0 else line[-columns:]))
    return "".join(lines)


def _moved(scope: Scope) -> Iterator[Change]:
    """Beside its neighbour, out of its block, or into the block before it."""
    source, statement = scope.source, scope.statement
    if not _alone(source, statement):
        return
    start, end, _indent, text = _whole(source, statement)
    if not text.endswith("\n"):
        text += "\n"
    first = text.strip().splitlines()[0]
    block, place = statement.block, statement.place
    if place + 1 < len(block):
        following = block[place + 1]
        last = source.line_start((following.end_lineno or following.lineno) + 1)
        after = source.between(end, last)
        if following.lineno > (statement.node.end_lineno or 0) and after.endswith("\n"):
            yield Change(((start, last, after + text),), f"do `{first}` one statement later", 0.35)
    parent = statement.parent
    if (
        place == len(block) - 1
        and place > 0
        and isinstance(parent, ast.For | ast.While | ast.If | ast.With)
        and not getattr(parent, "orelse", None)
    ):
        depth = statement.node.col_offset - parent.col_offset
        yield Change(((start, end, _shifted(text, -depth)),), f"do `{first}` after the block", 0.4)
    if place > 0 and isinstance(block[place - 1], ast.For | ast.While | ast.If | ast.With):
        before = block[place - 1]
        inner = getattr(before, "orelse", None) or getattr(before, "body", [])
        depth = inner[0].col_offset - statement.node.col_offset
        if depth > 0 and inner[0].lineno > before.lineno:
            edit = (start, end, _shifted(text, depth))
            yield Change((edit,), f"do `{first}` within the block before it", 0.35)


def _jumps(scope: Scope) -> Iterator[Change]:
    source, node = scope.source, scope.statement.node
    if isinstance(node, ast.Break | ast.Continue):
        other = "continue" if isinstance(node, ast.Break) else "break"
        yield Change(((*source.span(node), other),), f"`{other}`", 0.5)
        yield Change(((*source.span(node), "return"),), "`return`", 0.2)
    elif isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
        start = source.span(node)[0]
        if not isinstance(node.value, ast.Yield | ast.YieldFrom | ast.Await):
            yield Change(((start, start, "return "),), "return the value", 0.45)
    elif isinstance(node, ast.Return) and node.value is not None:
        start = source.span(node)[0]
        span = (start, start + len("return"))
        yield Change(((*span, "yield"),), "yield the value", 0.1)


def _guarded(scope: Scope) -> Iterator[Change]:
    """The statement only if a condition holds."""
    source, statement = scope.source, scope.statement
    if not _alone(source, statement) or not isinstance(statement.node, _SIMPLE):
        return
    start, end, indent, text = _whole(source, statement)
    tests = dict.fromkeys((*scope.conditions, *atoms(scope)))
    for test in tests:
        guarded = f"{indent}if {test}:\n{_shifted(text, 4)}"
        yield Change(((start, end, guarded),), f"only if `{test}`", 0.15, removes=True)
        if isinstance(statement.node, ast.Return):
            continue
        if any(isinstance(parent, ast.For | ast.While) for parent in [statement.parent]):
            lines = f"{indent}if {test}:\n{indent}    continue\n"
            what = f"go on with the next if `{test}`"
            yield Change(((start, start, lines),), what, 0.12, removes=True)


def _updates(scope: Scope) -> Iterator[Change]:
    """What is looked for in a collection and never put into it; a name that is never set anew."""
    changed = _changed_names(scope.top)
    for node in ast.walk(scope.top):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            collection, item = node.comparators[0], node.left
            if isinstance(collection, ast.Name) and collection.id not in changed:
                text = scope.source.text(item)
                for method in ("add", "append"):
                    line = f"{collection.id}.{method}({text})"
                    yield from _around(scope, [line], 0.5)
    containers = [name for name in scope.names if name in scope.containers]
    others = [name for name in scope.names if name not in scope.containers]
    for name in containers:
        likelihood = 0.15 if name in changed else 0.3
        for added in (*others, *containers):
            if added != name:
                yield from _around(scope, [f"{name}.append({added})"], likelihood)
    for name in others:
        for value in (*others, *containers):
            if value != name:
                yield from _around(scope, [f"{name} = {value}"], 0.12)
        for text in (f"{name} += 1", f"{name} -= 1"):
            yield from _around(scope, [text], 0.1)


def _around(scope: Scope, lines: list[str], likelihood: float) -> Iterator[Change]:
    yield from _inserted(scope, lines, likelihood, after=True)
    if isinstance(scope.statement.node, ast.For | ast.While | ast.If):
        yield from _inserted(scope, lines, likelihood, after=False, deeper=True)
    if scope.statement.place == 0:
        yield from _inserted(scope, lines, likelihood * 0.7, after=False)


def _repeated(scope: Scope) -> Iterator[Change]:
    """A statement of the function once more, here."""
    source, owner = scope.source, scope.statement.owner
    texts: dict[str, None] = {}
    for other in source.statements:
        if (
            other.owner is owner
            and isinstance(other.node, _SIMPLE)
            and other.line == other.end
            and not (
                isinstance(other.node, ast.Expr) and isinstance(other.node.value, ast.Constant)
            )
        ):
            texts.setdefault(source.line_text(other.line).strip())
    for text in list(texts)[: 2 * _MOST]:
        yield from _inserted(scope, [text], 0.15, after=True)
        if scope.statement.place == 0:
            yield from _inserted(scope, [text], 0.1, after=False)


def _base_cases(scope: Scope) -> Iterator[Change]:
    """An end of the function before its first statement, for empty and missing arguments."""
    statement, owner = scope.statement, scope.statement.owner
    if owner is None or statement.parent is not owner:
        return
    if statement.place > 1:
        return
    returned = dict.fromkeys(
        scope.source.text(node.value)
        for node in ast.walk(owner)
        if isinstance(node, ast.Return) and node.value is not None
        if isinstance(node.value, ast.Constant | ast.Name | ast.List | ast.Tuple | ast.Dict)
    )
    parameters = [
        argument.arg for argument in owner.args.args if argument.arg not in {"self", "cls"}
    ]
    values = dict.fromkeys((*returned, *parameters[:2], "0", "[]", "None", "False", "True", "1"))
    for name in parameters[:4]:
        for test in (f"not {name}", f"{name} is None", f"{name} == 0", f"{name} < 0"):
            for value in list(values)[:8]:
                lines = [f"if {test}:", f"    return {value}"]
                yield from _inserted(scope, lines, 0.15, after=False)


def _returns(scope: Scope) -> Iterator[Change]:
    """A value returned at the end of the function, or of this block."""
    statement, owner = scope.statement, scope.statement.owner
    if owner is None or statement.place != len(statement.block) - 1:
        return
    if isinstance(statement.node, ast.Return | ast.Raise | ast.Break | ast.Continue):
        return
    has_return = any(isinstance(node, ast.Return) and node.value for node in ast.walk(owner))
    likelihood = 0.35 if not has_return and statement.parent is owner else 0.15
    for name in scope.names[:_MOST]:
        yield from _inserted(scope, [f"return {name}"], likelihood, after=True)
    if isinstance(statement.parent, ast.For | ast.While | ast.If):
        for jump in ("break", "continue"):
            yield from _inserted(scope, [jump], 0.15, after=True)


def _changed_names(top: ast.AST) -> set[str]:
    """Return the names of which a method is called, or an item is set."""
    names: set[str] = set()
    for node in ast.walk(top):
        inner: ast.AST | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            inner = node.func.value
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            inner = node.value
        if isinstance(inner, ast.Name):
            names.add(inner.id)
    return names
