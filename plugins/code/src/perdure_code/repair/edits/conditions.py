"""Another condition: negated, weakened, strengthened, or one more that comes first."""

import ast
from collections.abc import Iterator
from typing import Final

from perdure_code.repair.edits.change import Change, Part, parts, replace
from perdure_code.repair.edits.scope import Scope

_MOST: Final = 8


def condition_changes(scope: Scope) -> Iterator[Change]:
    """Yield the edits that change a condition of the statement."""
    for part in parts(scope.statement):
        if _is_condition(part):
            yield from _changed(scope, part)
        elif isinstance(part.node, ast.IfExp):
            yield from _branches(scope, part)


def _is_condition(part: Part) -> bool:
    if part.field == "test":
        return True
    if isinstance(part.parent, ast.comprehension):
        return part.field == "ifs"
    return isinstance(part.parent, ast.Return) and isinstance(part.node, ast.Compare | ast.BoolOp)


def _changed(scope: Scope, part: Part) -> Iterator[Change]:
    source, node = scope.source, part.node
    text = source.text(node)
    start, end = source.span(node)
    own = f"({text})" if isinstance(node, ast.BoolOp | ast.IfExp | ast.Lambda) else text
    if isinstance(node, ast.Constant):  # while True
        for test in (*scope.conditions, *atoms(scope)):
            yield Change(((start, end, test),), f"`{test}` as the condition", 0.4)
        return
    negated = f"not {own}" if not isinstance(node, ast.Compare) else f"not ({text})"
    yield Change(((start, end, negated),), f"negate `{text}`", 0.5)
    others = dict.fromkeys((*scope.conditions, *atoms(scope)))
    for test in others:
        if test == text:
            continue
        bare = test if " or " not in test else f"({test})"
        mine = own if " or " in text or " and " in text else text
        for operator, likelihood in (("or", 0.3), ("and", 0.25)):
            what = f"`{operator} {test}` as well"
            # First what guards the rest, as a test for None must.
            guard = f"{bare} {operator} {mine}"
            behind = f"{mine} {operator} {bare}"
            yield Change(((start, end, guard),), what, likelihood)
            if "None" not in test:
                yield Change(((start, end, behind),), what, likelihood * 0.5)
    for value in ("True", "False"):
        yield Change(((start, end, value),), f"`{value}` as the condition", 0.15, removes=True)


def _branches(scope: Scope, part: Part) -> Iterator[Change]:
    node, source = part.node, scope.source
    assert isinstance(node, ast.IfExp)
    one, other = source.text(node.body), source.text(node.orelse)
    edits = ((*source.span(node.body), other), (*source.span(node.orelse), one))
    yield Change(edits, "swap the two values", 0.4)
    for text in (one, other):
        yield Change((replace(source, part, text),), f"always `{text}`", 0.3, removes=True)


def atoms(scope: Scope) -> Iterator[str]:
    """Yield simple conditions of the variables in sight, the nearest variables first."""
    near = {node.id for node in scope.statement.expressions() if isinstance(node, ast.Name)}
    names = sorted(scope.names, key=lambda name: name not in near)[:_MOST]
    for name in names:
        yield f"not {name}"
        yield name
        yield f"{name} is None"
        yield f"{name} is not None"
    numbers = [name for name in names if name not in scope.containers]
    for name in numbers[:5]:
        yield from (f"{name} == 0", f"{name} < 0", f"{name} > 0")
    for name in [name for name in names if name in scope.containers][:4]:
        yield f"len({name}) <= 1"
        for other in numbers[:4]:
            yield f"{other} in {name}"
            yield f"{other} not in {name}"
