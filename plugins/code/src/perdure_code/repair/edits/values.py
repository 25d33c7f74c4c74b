"""Another value: one more or less, another constant, another variable, another attribute."""

import ast
from collections.abc import Iterator
from typing import Final

from perdure_code.repair.edits.change import Change, Part, parts, replace, tight_text
from perdure_code.repair.edits.scope import Scope

_MOST_NAMES: Final = 12
_ORDERS: Final = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq)
# Where a number is that is one off, and how often it is.
_PLACES: Final[tuple[tuple[tuple[type[ast.AST], ...], float], ...]] = (
    ((ast.Slice,), 0.7),
    ((ast.Subscript,), 0.6),
    ((ast.Call, ast.keyword, ast.Compare), 0.45),
    ((ast.Return, ast.Assign, ast.AugAssign, ast.BinOp), 0.35),
    ((ast.Tuple, ast.List), 0.3),
)
_NUMBERS: Final = (
    ast.Name,
    ast.BinOp,
    ast.Call,
    ast.Subscript,
    ast.Attribute,
)


def value_changes(scope: Scope) -> Iterator[Change]:
    """Yield the edits that change a value of the statement."""
    for part in parts(scope.statement):
        if isinstance(getattr(part.node, "ctx", None), ast.Store | ast.Del):
            if isinstance(part.node, ast.Name):
                yield from _other_names(scope, part, 0.3)
            continue
        if isinstance(part.node, ast.Constant):
            yield from _constants(scope, part)
        elif isinstance(part.node, _NUMBERS):
            yield from _one_off(scope, part)
        if isinstance(part.node, ast.Name):
            yield from _other_names(scope, part, 0.6)
        elif isinstance(part.node, ast.Attribute):
            yield from _other_attributes(scope, part)


def _one_off(scope: Scope, part: Part) -> Iterator[Change]:
    """One more and one less, where numbers are: arguments, indices, operands, results."""
    likelihood = _is_number_place(scope, part)
    if not likelihood:
        return
    source, node = scope.source, part.node
    text = source.text(node)
    if isinstance(node, ast.BinOp):
        if not isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.FloorDiv):
            return
        if isinstance(node.right, ast.Constant):
            return  # the constant itself is changed
    for sign in ("+", "-"):
        what = f"`{text} {sign} 1` instead of `{text}`"
        yield Change((replace(source, part, f"{text} {sign} 1"),), what, likelihood)


def _is_number_place(scope: Scope, part: Part) -> float:
    """Return how likely an expression is a number that is one off; 0 where it can be none."""
    node, parent = part.node, part.parent
    if isinstance(node, ast.Name) and node.id in scope.containers | scope.called:
        return 0.0
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        return 0.0
    if part.field == "func" or (isinstance(parent, ast.Subscript) and part.field != "slice"):
        return 0.0
    if isinstance(parent, ast.Compare) and not isinstance(parent.ops[0], _ORDERS):
        return 0.0
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name):
        return 0.8 if parent.func.id == "range" else 0.45
    return next((likelihood for kinds, likelihood in _PLACES if isinstance(parent, kinds)), 0.0)


def _constants(scope: Scope, part: Part) -> Iterator[Change]:
    node = part.node
    assert isinstance(node, ast.Constant)
    value, source = node.value, scope.source
    if isinstance(part.parent, ast.Expr | ast.JoinedStr | ast.FormattedValue):
        return  # a docstring, or a text with values in it
    instead: list[tuple[str, float]] = []
    if isinstance(value, bool):
        instead = [(str(not value), 0.6), ("None", 0.2)]
    elif isinstance(value, int):
        texts = dict.fromkeys([value + 1, value - 1, 0, 1, -1, -value, 2 * value])
        instead = [
            (str(number), 0.55 - 0.05 * place)
            for place, number in enumerate(number for number in texts if number != value)
        ]
    elif isinstance(value, float):
        instead = [(repr(one), 0.3) for one in (value + 1, value - 1, -value, value / 10)]
    elif value is None:
        instead = [("0", 0.25), ("[]", 0.25), ("''", 0.2), ("False", 0.2), ("True", 0.2)]
    elif isinstance(value, str) and not isinstance(part.parent, ast.Dict):
        others = [
            source.text(one)
            for one in scope.expressions
            if isinstance(one, ast.Constant) and isinstance(one.value, str)
        ]
        instead = [(text, 0.2) for text in others if text != source.text(node)][:4]
        instead += [("''", 0.2)] if value else [("' '", 0.3)]
    for text, likelihood in instead:
        what = f"`{text}` instead of `{source.text(node)}`"
        tight = not text.startswith("-") or part.apart
        yield Change((replace(source, part, text, tight=tight),), what, likelihood)
    if isinstance(value, bool | int | None):
        for name in scope.names[:_MOST_NAMES]:
            what = f"`{name}` instead of `{source.text(node)}`"
            yield Change((replace(source, part, name, tight=True),), what, 0.25)
            if isinstance(part.parent, ast.Return):
                for test in (f"{name} == 0", f"not {name}", f"[{name}]"):
                    what = f"`{test}` instead of `{source.text(node)}`"
                    yield Change((replace(source, part, test),), what, 0.3)


def _other_names(scope: Scope, part: Part, likelihood: float) -> Iterator[Change]:
    node, source = part.node, scope.source
    assert isinstance(node, ast.Name)
    if part.field == "func":
        return
    if node.id not in scope.names and node.id not in {"self", "cls"}:
        candidates = [name for name in scope.names if name not in scope.functions]
        likelihood *= 0.6
    else:
        candidates = list(scope.names)
    same = node.id in scope.containers
    others = sorted(
        (name for name in candidates if name != node.id),
        key=lambda name: ((name in scope.containers) != same, -_likeness(name, node.id)),
    )
    for name in others[:_MOST_NAMES]:
        likely = likelihood if (name in scope.containers) == same else likelihood * 0.5
        what = f"`{name}` instead of `{node.id}`"
        yield Change((replace(source, part, name, tight=True),), what, likely)
    for attribute in scope.attributes[:_MOST_NAMES]:
        if attribute == node.id or isinstance(node.ctx, ast.Load):
            likely = likelihood if attribute == node.id else likelihood * 0.3
            what = f"`self.{attribute}` instead of `{node.id}`"
            yield Change((replace(source, part, f"self.{attribute}", tight=True),), what, likely)


def _other_attributes(scope: Scope, part: Part) -> Iterator[Change]:
    """Another attribute of the same object, and the object itself."""
    node, source = part.node, scope.source
    assert isinstance(node, ast.Attribute)
    if part.field == "func":
        return
    value = tight_text(source, node.value)
    known = {one.attr for one in ast.walk(source.tree) if isinstance(one, ast.Attribute)}
    used_on_it = {
        one.attr
        for one in ast.walk(source.tree)
        if isinstance(one, ast.Attribute) and ast.dump(one.value) == ast.dump(node.value)
    }
    for name in sorted(known - {node.attr}, key=lambda one: (one not in used_on_it, one))[:8]:
        what = f"`{value}.{name}` instead of `{value}.{node.attr}`"
        likelihood = 0.55 if name in used_on_it else 0.4
        yield Change((replace(source, part, f"{value}.{name}", tight=True),), what, likelihood)
    if value != "self":
        yield Change((replace(source, part, value, tight=True),), f"`{value}` itself", 0.3)
    elif node.attr in scope.names:
        yield Change((replace(source, part, node.attr, tight=True),), f"`{node.attr}`", 0.5)


def _likeness(one: str, other: str) -> int:
    """Return how many letters two names begin or end with alike."""
    common = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        common += 1
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        common += 1
    return common
