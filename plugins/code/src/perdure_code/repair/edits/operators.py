"""Another operator: comparisons, arithmetic, ``and`` and ``or``, and what is assigned."""

import ast
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from perdure_code.repair.edits.change import Change, Part, operator_span, parts, replace, tight_text
from perdure_code.repair.edits.scope import Scope

_COMPARISONS: Final[dict[type[ast.cmpop], str]] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
# Most often a boundary is wrong, then the direction, then the kind.
_INSTEAD: Final[dict[str, tuple[tuple[str, float], ...]]] = {
    "<": (("<=", 0.9), (">", 0.6), (">=", 0.5), ("!=", 0.4), ("==", 0.25)),
    "<=": (("<", 0.9), (">=", 0.6), (">", 0.5), ("!=", 0.3), ("==", 0.3)),
    ">": ((">=", 0.9), ("<", 0.6), ("<=", 0.5), ("!=", 0.4), ("==", 0.25)),
    ">=": ((">", 0.9), ("<=", 0.6), ("<", 0.5), ("!=", 0.3), ("==", 0.3)),
    "==": (
        ("!=", 0.8),
        ("<=", 0.55),
        (">=", 0.55),
        ("<", 0.4),
        (">", 0.4),
        ("is", 0.2),
        ("in", 0.3),
    ),
    "!=": (("==", 0.8), ("<", 0.5), (">", 0.5), ("is not", 0.2), ("not in", 0.3)),
    "is": (("is not", 0.7), ("==", 0.6)),
    "is not": (("is", 0.7), ("!=", 0.6)),
    "in": (("not in", 0.8), ("==", 0.3)),
    "not in": (("in", 0.8), ("!=", 0.3)),
}
_BINARY: Final[dict[type[ast.operator], str]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
}
_ARITHMETIC: Final[dict[str, tuple[str, ...]]] = {
    "+": ("-", "*", "|"),
    "-": ("+", "*", "//", "%"),
    "*": ("+", "//", "**", "-"),
    "/": ("//", "*", "%"),
    "//": ("/", "%", "*", "-"),
    "%": ("//", "-", "*"),
    "**": ("*",),
    "&": ("|", "^", "-"),
    "|": ("&", "^", "+"),
    "^": ("&", "|", "**"),
    "<<": (">>", "*"),
    ">>": ("<<", "//"),
}


def operator_changes(scope: Scope) -> Iterator[Change]:
    """Yield the edits that change an operator of the statement."""
    for part in parts(scope.statement):
        match part.node:
            case ast.Compare():
                yield from _comparisons(scope, part.node)
            case ast.BinOp():
                yield from _arithmetic(scope, part)
            case ast.BoolOp():
                yield from _boolean(scope, part)
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
                edit = replace(scope.source, part, tight_text(scope.source, operand), tight=True)
                yield Change((edit,), "drop a negation", 0.6)
    yield from _augmented(scope)


def _comparisons(scope: Scope, node: ast.Compare) -> Iterator[Change]:
    operands = [node.left, *node.comparators]
    for (left, right), kind in zip(pairwise(operands), node.ops, strict=True):
        operator = _COMPARISONS[type(kind)]
        found = operator_span(scope.source, left, right, operator)
        if found is None:
            continue
        for instead, likelihood in _INSTEAD[operator]:
            what = f"compare by `{instead}` instead of `{operator}`"
            yield Change(((found[0], found[1], instead),), what, likelihood)


def _arithmetic(scope: Scope, part: Part) -> Iterator[Change]:
    node = part.node
    assert isinstance(node, ast.BinOp)
    operator = _BINARY.get(type(node.op))
    if operator is None:
        return
    source = scope.source
    found = operator_span(source, node.left, node.right, operator)
    if found is not None:
        for place, instead in enumerate(_ARITHMETIC[operator]):
            what = f"compute with `{instead}` instead of `{operator}`"
            yield Change(((found[0], found[1], instead),), what, 0.6 - 0.1 * place)
    left, right = tight_text(source, node.left), tight_text(source, node.right)
    for operand in (left, right):
        edit = replace(source, part, operand, tight=True)
        yield Change((edit,), f"keep `{operand}` alone", 0.4)
    if operator in {"-", "/", "//", "%", "**", "<<", ">>", "+"}:
        edits = ((*source.span(node.left), right), (*source.span(node.right), left))
        yield Change(edits, f"swap the sides of `{operator}`", 0.55 if operator != "+" else 0.35)


def _boolean(scope: Scope, part: Part) -> Iterator[Change]:
    node, source = part.node, scope.source
    assert isinstance(node, ast.BoolOp)
    operator = "and" if isinstance(node.op, ast.And) else "or"
    instead = "or" if operator == "and" else "and"
    gaps = [operator_span(source, one, other, operator) for one, other in pairwise(node.values)]
    if all(gaps):
        edits = tuple((gap[0], gap[1], instead) for gap in gaps if gap)
        yield Change(edits, f"`{instead}` instead of `{operator}`", 0.7)
    for place, value in enumerate(node.values):
        rest = [tight_text(source, one) for one in node.values if one is not value]
        text = f" {operator} ".join(rest) if len(rest) > 1 else source.text(node.values[1 - place])
        what = f"drop the condition `{source.text(value)}`"
        yield Change((replace(source, part, text),), what, 0.55)


def _augmented(scope: Scope) -> Iterator[Change]:
    node, source = scope.statement.node, scope.source
    if isinstance(node, ast.AugAssign):
        operator = _BINARY.get(type(node.op))
        if operator is None:
            return
        found = operator_span(source, node.target, node.value, f"{operator}=")
        if found is None:
            return
        for place, instead in enumerate((*_ARITHMETIC[operator], "")):
            what = f"assign by `{instead}=` instead of `{operator}=`"
            yield Change(((found[0], found[1], f"{instead}="),), what, 0.65 - 0.08 * place)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        if not isinstance(target, ast.Name | ast.Subscript | ast.Attribute):
            return
        name, value = source.text(target), source.text(node.value)
        span = source.span(node.value)
        for function in ("max", "min"):
            what = f"keep the {'larger' if function == 'max' else 'smaller'} of old and new value"
            yield Change(((*span, f"{function}({name}, {value})"),), what, 0.4)
        found = operator_span(source, target, node.value, "=")
        if found is not None and not isinstance(node.value, ast.Constant):
            for operator in ("+", "-", "*", "|"):
                what = f"`{operator}=` instead of `=`"
                yield Change(((found[0], found[1], f"{operator}="),), what, 0.3)
