"""What beside the tests' coverage speaks for a statement being at fault, or against it.

Where all tests go through the same lines, coverage alone says nothing. How the failures look does:
where an exception was raised, what a loop without end executes, how a recursion goes on, which
statements make the value that was wrong.
"""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from perdure_code.location.facts import Evidence
from perdure_code.location.source import Definition, Source, Statement
from perdure_code.location.spectrum import Place, Spectrum

_RAISED: Final = 0.6
_CALLED: Final = 0.15
_FEEDS: Final = 0.35
_DECIDES: Final = 0.3
_LOOP: Final = 0.5
_MOVES: Final = 0.4
_OUTSIDE: Final = -0.3
_RECURSION: Final = 0.4
_RETURNED: Final = 0.2


def gather(
    spectrum: Spectrum, sources: Mapping[str, Source], is_test: Mapping[str, bool]
) -> dict[Place, list[Evidence]]:
    """Return the evidence for each statement that failing tests execute.

    Args:
        spectrum: What the tests executed.
        sources: The parsed files, by path.
        is_test: Whether a file belongs to the tests.
    """
    weights: dict[Place, Counter[str]] = defaultdict(Counter)
    share = 1 / max(1, len(spectrum.failing))
    for record in spectrum.failing:
        trace = [place for place in record.trace if not is_test.get(place[0], True)]
        if record.outcome == "stopped":
            found = _of_loop(record.late, sources, spectrum, is_test)
        elif record.error == "RecursionError":
            found = _of_recursion(trace, sources)
        elif trace:
            found = _of_exception(trace, sources)
        else:
            found = _of_wrong_value(record.lines, sources, is_test)
        for place, reason, weight in found:
            weights[place][reason] += weight * share  # type: ignore[assignment]
    evidence = {
        place: [Evidence(reason=reason, weight=round(weight, 3)) for reason, weight in one.items()]
        for place, one in weights.items()
    }
    for place, statement in spectrum.statements.items():
        if spectrum.failed[place]:
            evidence.setdefault(place, []).append(_of_kind(statement))
    return evidence


Found = Iterator[tuple[Place, str, float]]


def _of_exception(trace: list[tuple[str, int]], sources: Mapping[str, Source]) -> Found:
    """The statement that raised, those that make the names it uses, and its callers."""
    *callers, (path, line) = trace
    source = sources.get(path)
    statement = source.statement_at(line) if source else None
    if statement is not None:
        yield (path, statement.line), "an exception was raised here", _RAISED
        for place in _makers(path, source, statement):
            yield place, "it makes a value that the exception was raised with", _FEEDS
        for place in _deciders(path, source, statement):
            yield place, "it decides whether the line that raised is reached", _DECIDES
    for path, line in set(callers):
        caller = sources[path].statement_at(line) if path in sources else None
        if caller is not None:
            yield (path, caller.line), "it called what raised an exception", _CALLED


def _of_recursion(trace: list[tuple[str, int]], sources: Mapping[str, Source]) -> Found:
    """The recursive calls, the conditions that should end them, what makes their arguments."""
    for (path, line), count in Counter(trace).items():
        statement = sources[path].statement_at(line) if path in sources else None
        if count < 2 or statement is None or statement.owner is None:
            continue
        yield (path, statement.line), "the recursion goes on here", _RECURSION
        for other in _inside(sources[path], statement.owner):
            if isinstance(other.node, ast.If) and any(
                isinstance(node, ast.Return | ast.Raise) for node in other.node.body
            ):
                yield (path, other.line), "it should end the recursion", _RECURSION
        for place in _makers(path, sources[path], statement):
            yield place, "it makes an argument of the recursion", _FEEDS / 2


def _of_loop(
    late: Mapping[str, tuple[int, ...]],
    sources: Mapping[str, Source],
    spectrum: Spectrum,
    is_test: Mapping[str, bool],
) -> Found:
    """The loop that was not left, and what changes the names of its condition."""
    looping: set[Place] = set()
    for path, lines in late.items():
        if path not in sources or is_test.get(path, True):
            continue
        for line in lines:
            statement = sources[path].statement_at(line)
            if statement is not None:
                looping.add((path, statement.line))
    decisive: set[Place] = set()
    for place in sorted(looping):
        statement = spectrum.statements.get(place)
        if statement is None or not isinstance(statement.node, ast.While | ast.For):
            continue
        yield place, "this loop was not left", _LOOP
        decisive.add(place)
        names = {
            node.id
            for node in ast.walk(
                statement.node.test
                if isinstance(statement.node, ast.While)
                else statement.node.iter
            )
            if isinstance(node, ast.Name)
        }
        names |= _made_from(names, statement, looping, spectrum)
        for other in sorted(looping):
            made = _assigned(spectrum.statements[other]) if other in spectrum.statements else set()
            if other != place and other[0] == place[0] and names & made:
                decisive.add(other)
                yield other, "it changes what the loop waits for", _MOVES
            elif (
                other != place
                and other in spectrum.statements
                and isinstance(spectrum.statements[other].node, ast.If)
            ):
                yield other, "it decides within a loop that was not left", _MOVES / 2
    for place in spectrum.failed:
        if place not in looping and not is_test.get(place[0], True) and looping:
            yield place, "it is not in the loop that was not left", _OUTSIDE


def _made_from(
    names: set[str], loop: Statement, looping: set[Place], spectrum: Spectrum
) -> set[str]:
    """Return the names from which, within the loop, the names of its condition are made."""
    more: set[str] = set()
    for place in looping:
        statement = spectrum.statements.get(place)
        if (
            statement is not None
            and _assigned(statement) & names
            and statement.node is not loop.node
        ):
            more |= _used(statement)
    return more


def _of_wrong_value(
    lines: Mapping[str, tuple[int, ...]], sources: Mapping[str, Source], is_test: Mapping[str, bool]
) -> Found:
    """The statements that return something, and those that make what they return."""
    for path, numbers in lines.items():
        if path not in sources or is_test.get(path, True):
            continue
        source = sources[path]
        for line in sorted(set(numbers)):
            statement = source.statement_at(line)
            if statement is None or not isinstance(statement.node, ast.Return | ast.Expr):
                continue
            if isinstance(statement.node, ast.Expr) and not isinstance(
                statement.node.value, ast.Yield | ast.YieldFrom
            ):
                continue
            yield (path, statement.line), "it returns the value", _RETURNED
            for place in _makers(path, source, statement):
                yield place, "it makes a value that is returned", _RETURNED / 2


def _makers(path: str, source: Source | None, statement: Statement) -> Iterator[Place]:
    """Yield the statements of the function that assign a name that the statement uses."""
    if source is None or statement.owner is None:
        return
    names = _used(statement)
    for other in _inside(source, statement.owner):
        if other.node is not statement.node and _assigned(other) & names:
            yield path, other.line


def _deciders(path: str, source: Source | None, statement: Statement) -> Iterator[Place]:
    """Yield the conditions and loops that a statement is in."""
    if source is None or statement.owner is None:
        return
    for other in _inside(source, statement.owner):
        node = other.node
        if (
            isinstance(node, ast.If | ast.While | ast.For)
            and node is not statement.node
            and node.lineno < statement.line
            and (node.end_lineno or 0) >= statement.end
        ):
            yield path, other.line


def _inside(source: Source, owner: Definition) -> Iterator[Statement]:
    return (statement for statement in source.statements if statement.owner is owner)


def _assigned(statement: Statement) -> set[str]:
    """Return the names that a statement gives a value, or whose value it changes by a method."""
    names = {
        node.id
        for node in statement.expressions()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del)
    }
    for node in statement.expressions():
        target = None
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            target = node.value
        elif isinstance(statement.node, ast.Expr) and isinstance(node, ast.Call):
            target = node.func.value if isinstance(node.func, ast.Attribute) else None
        while isinstance(target, ast.Subscript | ast.Attribute):
            target = target.value
        if isinstance(target, ast.Name):
            names.add(target.id)
    return names


def _used(statement: Statement) -> set[str]:
    return {
        node.id
        for node in statement.expressions()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


# Of a hundred faults that one changed line mends, conditions, calls and what is computed make up
# most; imports, bare names and text the fewest (Pan, Kim and Whitehead 2009).
_KINDS: Final[tuple[tuple[type[ast.stmt], float], ...]] = (
    (ast.If, 0.25),
    (ast.While, 0.25),
    (ast.Return, 0.2),
    (ast.AugAssign, 0.2),
    (ast.Assign, 0.15),
    (ast.AnnAssign, 0.15),
    (ast.For, 0.15),
    (ast.Expr, 0.1),
    (ast.Assert, 0.1),
    (ast.FunctionDef, -0.4),
    (ast.AsyncFunctionDef, -0.4),
    (ast.ClassDef, -0.5),
    (ast.Import, -0.5),
    (ast.ImportFrom, -0.5),
    (ast.Pass, -0.3),
)
_POINTS: Final = (
    ast.BinOp,
    ast.BoolOp,
    ast.Call,
    ast.Compare,
    ast.Subscript,
    ast.Slice,
    ast.UnaryOp,
    ast.comprehension,
    ast.IfExp,
)


def _of_kind(statement: Statement) -> Evidence:
    """Weigh a statement by its kind, and by how much in it can be wrong."""
    weight = next((one for kind, one in _KINDS if isinstance(statement.node, kind)), 0.0)
    points = sum(isinstance(node, _POINTS) for node in statement.expressions())
    weight += 0.05 * min(points, 6) - (0.15 if points == 0 else 0.0)
    return Evidence(reason="its kind", weight=round(weight, 3))
