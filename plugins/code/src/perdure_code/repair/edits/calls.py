"""Another call: arguments swapped, dropped or added, another function, one call more or less."""

import ast
from collections.abc import Iterator
from itertools import combinations
from typing import Final

from perdure_code.repair.edits.change import Change, Part, parts, replace, tight_text
from perdure_code.repair.edits.scope import Scope

# Names that do a like thing and are mistaken for each other.
_ALIKE: Final = (
    ("min", "max"),
    ("any", "all"),
    ("append", "extend", "appendleft", "insert"),
    ("pop", "popleft"),
    ("add", "update", "discard", "remove"),
    ("keys", "values", "items"),
    ("union", "intersection", "difference", "symmetric_difference"),
    ("issubset", "issuperset"),
    ("startswith", "endswith"),
    ("find", "rfind", "index"),
    ("split", "rsplit"),
    ("partition", "rpartition"),
    ("strip", "lstrip", "rstrip"),
    ("lower", "upper", "casefold"),
    ("floor", "ceil", "trunc", "round"),
    ("int", "float", "round", "str"),
    ("list", "tuple", "set", "sorted"),
    ("isdigit", "isalpha", "isalnum"),
    ("get", "pop", "setdefault"),
    ("bisect_left", "bisect_right"),
    ("heappush", "heappop", "heappushpop", "heapreplace"),
    ("match", "search", "fullmatch"),
    ("sub", "subn"),
    ("sort", "reverse"),
    ("sin", "cos"),
    ("isinstance", "issubclass"),
    ("days", "seconds"),
)
_WRAPPERS: Final = ("abs", "len", "sorted", "reversed", "list", "set", "str", "int")
_MOST: Final = 8


def call_changes(scope: Scope) -> Iterator[Change]:
    """Yield the edits that change a call of the statement, or make one."""
    for part in parts(scope.statement):
        node = part.node
        if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
            continue
        if isinstance(node, ast.Call):
            yield from _arguments(scope, node)
            yield from _function(scope, node)
            yield from _unwrapped(scope, part)
        elif isinstance(node, ast.Attribute) and part.field != "func":
            yield from _alike(scope, node)
        yield from _wrapped(scope, part)
        if isinstance(node, ast.YieldFrom | ast.Yield) and node.value is not None:
            yield from _yields(scope, part)
        if isinstance(node, ast.Await):
            text = scope.source.text(node.value)
            yield Change((replace(scope.source, part, text, tight=True),), "do not wait", 0.3)


def _arguments(scope: Scope, node: ast.Call) -> Iterator[Change]:
    source = scope.source
    name = source.text(node.func)
    arguments = [one for one in node.args if not isinstance(one, ast.Starred)]
    for one, other in combinations(arguments, 2):
        edits = (
            (*source.span(one), source.text(other)),
            (*source.span(other), source.text(one)),
        )
        what = f"swap `{source.text(one)}` and `{source.text(other)}` in the call of `{name}`"
        near = abs(node.args.index(one) - node.args.index(other)) == 1
        if source.text(one) != source.text(other):
            yield Change(edits, what, 0.65 if near else 0.5)
    for place, one in enumerate(arguments):
        if len(arguments) > 1 or node.keywords:
            rest = [source.text(other) for other in _all_arguments(node) if other is not one]
            text = f"{name}({', '.join(rest)})"
            yield Change(
                ((*source.span(node), text),),
                f"call `{name}` without `{source.text(one)}`",
                0.35 if place else 0.25,
            )
    yield from _known_calls(scope, node, name)


def _known_calls(scope: Scope, node: ast.Call, name: str) -> Iterator[Change]:
    """Other arguments of calls whose meaning is known."""
    source = scope.source
    if isinstance(node.func, ast.Name) and node.func.id == "range" and len(node.args) in {1, 2}:
        texts = [source.text(one) for one in node.args]
        stop, start = texts[-1], texts[0] if len(texts) == 2 else "0"
        for text, likelihood in (
            (f"range({start}, {stop})" if len(texts) == 1 else f"range({stop})", 0.2),
            (f"range(1, {stop})" if start == "0" else f"range(0, {stop})", 0.5),
            (f"range({stop}, {start} - 1, -1)", 0.25),
            (f"range({stop} - 1, {start} - 1, -1)", 0.35),
        ):
            yield Change(((*source.span(node), text),), f"go through `{text}`", likelihood)
    if isinstance(node.func, ast.Attribute) and node.func.attr == "pop" and not node.args:
        yield Change(((*source.span(node), f"{name}(0)"),), "take the first item", 0.4)
    if isinstance(node.func, ast.Attribute) and node.func.attr == "get" and len(node.args) == 1:
        for default in ("0", "[]", "''"):
            text = f"{name}({source.text(node.args[0])}, {default})"
            yield Change(((*source.span(node), text),), f"take {default} when it is missing", 0.3)
    if isinstance(node.func, ast.Name) and node.func.id == "sorted" and len(node.args) == 1:
        if not any(keyword.arg == "reverse" for keyword in node.keywords):
            inner = ", ".join(source.text(one) for one in _all_arguments(node))
            text = f"sorted({inner}, reverse=True)"
            yield Change(((*source.span(node), text),), "sort in reverse", 0.4)
    elif isinstance(node.func, ast.Name) and node.func.id == "enumerate" and len(node.args) == 1:
        text = f"enumerate({source.text(node.args[0])}, 1)"
        yield Change(((*source.span(node), text),), "count from 1", 0.4)


def _all_arguments(node: ast.Call) -> list[ast.expr | ast.keyword]:
    return [*node.args, *node.keywords]


def _function(scope: Scope, node: ast.Call) -> Iterator[Change]:
    source, function = scope.source, node.func
    if isinstance(function, ast.Attribute):
        yield from _alike(scope, function)
        if isinstance(function.value, ast.Name) and function.value.id == "self":
            methods = [name for name in scope.functions if name.startswith("self.")]
            for name in methods[:_MOST]:
                if name != source.text(function):
                    edit = (*source.span(function), name)
                    yield Change((edit,), f"call `{name}`", 0.3)
    elif isinstance(function, ast.Name):
        others = dict.fromkeys(_others(function.id), 0.55)
        if function.id in scope.functions:
            others = dict.fromkeys(scope.functions[:_MOST], 0.3) | others
        for name, likelihood in others.items():
            if name != function.id:
                what = f"call `{name}` instead of `{function.id}`"
                yield Change(((*source.span(function), name),), what, likelihood)
    if isinstance(scope.statement.owner, ast.AsyncFunctionDef):
        edit = (source.span(node)[0], source.span(node)[0], "await ")
        yield Change((edit,), f"wait for `{source.text(function)}`", 0.4)


def _alike(scope: Scope, node: ast.Attribute) -> Iterator[Change]:
    source = scope.source
    end = source.span(node)[1]
    start = end - len(node.attr.encode())
    for name in _others(node.attr):
        what = f"`.{name}` instead of `.{node.attr}`"
        yield Change(((start, end, name),), what, 0.5)


def _others(name: str) -> list[str]:
    """Return the names that are mistaken for one."""
    return [other for group in _ALIKE if name in group for other in group if other != name]


def _unwrapped(scope: Scope, part: Part) -> Iterator[Change]:
    """The argument itself instead of the call, or the object instead of its method's result."""
    node, source = part.node, scope.source
    assert isinstance(node, ast.Call)
    if len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], ast.Starred):
        text = source.text(node.args[0])
        if not isinstance(part.parent, ast.Expr):
            edit = replace(source, part, text, tight=part.apart)
            yield Change((edit,), f"`{text}` without calling `{source.text(node.func)}`", 0.45)
    elif len(node.args) > 1 and not isinstance(part.parent, ast.Expr):
        for one in node.args[:4]:
            text = source.text(one)
            yield Change((replace(source, part, text),), f"`{text}` instead of the call", 0.25)
    if isinstance(node.func, ast.Attribute) and not isinstance(part.parent, ast.Expr):
        text = tight_text(source, node.func.value)
        yield Change((replace(source, part, text, tight=True),), f"`{text}` itself", 0.3)


def _wrapped(scope: Scope, part: Part) -> Iterator[Change]:
    """A call around an expression, a copy of it, or a list of it."""
    node, source = part.node, scope.source
    text = source.text(node)
    if isinstance(part.parent, ast.Return | ast.Assign) and isinstance(
        node, ast.List | ast.Name | ast.Tuple | ast.Constant | ast.Call
    ):
        yield Change((replace(source, part, f"[{text}]", tight=True),), f"a list of `{text}`", 0.3)
    if isinstance(node, ast.List) and len(node.elts) == 1:
        inner = source.text(node.elts[0])
        yield Change((replace(source, part, inner),), f"`{inner}` instead of a list of it", 0.3)
    if part.field in {"func", "slice"} or isinstance(part.parent, ast.Expr | ast.keyword):
        return
    if isinstance(node, ast.Name) and node.id in scope.containers:
        likely = 0.6 if node.id in scope.shared else 0.2
        for copy in (f"{text}[:]", f"{text}.copy()", f"list({text})"):
            yield Change((replace(source, part, copy, tight=True),), f"a copy of `{text}`", likely)
    if isinstance(part.parent, ast.For | ast.comprehension) and part.field == "iter":
        for function in ("reversed", "sorted", "list", "enumerate", "set"):
            call = f"{function}({text})"
            yield Change((replace(source, part, call, tight=True),), f"go through `{call}`", 0.35)
        for method in ("items", "values"):
            call = f"{tight_text(source, node)}.{method}()"
            yield Change((replace(source, part, call, tight=True),), f"go through `{call}`", 0.25)
    elif isinstance(node, ast.Name | ast.BinOp | ast.Call | ast.Subscript):
        for function in _WRAPPERS:
            call = f"{function}({text})"
            likely = 0.3 if function == "abs" and isinstance(node, ast.BinOp) else 0.12
            yield Change((replace(source, part, call, tight=True),), f"`{call}`", likely)


def _yields(scope: Scope, part: Part) -> Iterator[Change]:
    node, source = part.node, scope.source
    assert isinstance(node, ast.Yield | ast.YieldFrom)
    assert node.value is not None
    text = source.text(node.value)
    other = f"yield {text}" if isinstance(node, ast.YieldFrom) else f"yield from {text}"
    yield Change(((*source.span(node), other),), f"`{other}`", 0.6)
    if isinstance(node.value, ast.Call) and node.value.args:
        inner = f"yield {source.text(node.value.args[0])}"
        yield Change(((*source.span(node), inner),), f"`{inner}`", 0.4)
