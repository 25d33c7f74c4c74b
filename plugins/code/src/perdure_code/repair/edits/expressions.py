"""Another expression of the same function in the place of one."""

import ast
from collections.abc import Iterator
from typing import Final

from perdure_code.repair.edits.change import Change, parts, replace
from perdure_code.repair.edits.scope import Scope

_MOST: Final = 40
_LONGEST: Final = 60


def expression_changes(scope: Scope) -> Iterator[Change]:
    """Yield the edits that put another expression of the function in the place of one.

    What is missing in one place is often written in another (Barr et al. 2014).
    """
    source = scope.source
    candidates = [
        node
        for node in scope.expressions
        if not isinstance(node, ast.Constant | ast.Name)
        and len(source.text(node)) <= _LONGEST
        and "\n" not in source.text(node)
    ][:_MOST]
    for part in parts(scope.statement):
        node = part.node
        if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del) or part.field == "func":
            continue
        if isinstance(part.parent, ast.Expr):
            continue
        text = source.text(node)
        for other in candidates:
            instead = source.text(other)
            if instead == text:
                continue
            alike = type(other) is type(node)
            likelihood = 0.3 if alike else 0.12
            # An operand that is kept, beside one of the other's: `x` becomes `x or y`.
            yield Change(
                (replace(source, part, instead),), f"`{instead}` instead of `{text}`", likelihood
            )
        if isinstance(part.parent, ast.Return | ast.Assign | ast.AugAssign | ast.Call):
            for name in scope.names:
                if name == text:
                    continue
                for operator in ("+", "-"):
                    joined = f"{text} {operator} {name}"
                    likely = 0.2 if isinstance(node, ast.Name | ast.Call) else 0.12
                    if isinstance(
                        node,
                        ast.Name | ast.Call | ast.Subscript | ast.BinOp | ast.List | ast.ListComp,
                    ):
                        edit = replace(source, part, joined)
                        yield Change((edit,), f"`{joined}` instead of `{text}`", likely)
