"""The small edits: for each kind a fault of which one of them is the right version."""

import ast

import pytest

from perdure_code.location.source import Source
from perdure_code.repair.generation import apply, changes_of

# The wrong line within a function, and what is right.
FAULTS = [
    ("if a < b:\n        return a", "if a <= b:\n        return a"),
    ("if a == b:\n        return a", "if a != b:\n        return a"),
    ("return a + b", "return a - b"),
    ("return a - b", "return b - a"),
    ("a += b", "a -= b"),
    ("a = b", "a += b"),
    ("a = f(b)", "a = max(a, f(b))"),
    ("return a and b", "return a or b"),
    ("return a and b", "return a"),
    ("if not a:\n        return b", "if a:\n        return b"),
    ("return f(a, b)", "return f(b, a)"),
    ("return f(a, b)", "return f(a)"),
    ("return f(a)", "return a"),
    ("return f(a)", "return g(a)"),
    ("return xs[a]", "return xs[a + 1]"),
    ("return xs[a]", "return xs[a - 1]"),
    ("return xs[a:b]", "return xs[a:b + 1]"),
    ("return xs[:b]", "return xs[b:]"),
    ("f(xs[0])\n    return xs", "f(xs[0])\n    return xs[1:]"),
    ("return xs[a][b]", "return xs[b][a]"),
    ("return xs[0]", "return xs[-1]"),
    ("for a in range(b):\n        f(a)", "for a in range(b + 1):\n        f(a)"),
    ("for a in range(b):\n        f(a)", "for a in range(1, b):\n        f(a)"),
    ("for a in xs:\n        f(a)", "for a in reversed(xs):\n        f(a)"),
    ("return max(xs)", "return min(xs)"),
    ("return any(xs)", "return all(xs)"),
    ("xs.append(a)", "xs.extend(a)"),
    ("return xs.pop()", "return xs.pop(0)"),
    ("yield xs", "yield from xs"),
    ("yield f(a)", "yield a"),
    ("return True", "return False"),
    ("return 1", "return 0"),
    ("return []", "return [[]]"),
    ("return None", "return []"),
    ("f(a)", "return f(a)"),
    ("return a", "return b"),
    ("return a.next", "return a.prev"),
    ("while True:\n        xs.pop()", "while xs:\n        xs.pop()"),
    ("if a.next:\n        return b", "if a is None or a.next:\n        return b"),
    ("if a > b:\n        return a", "if not (a > b):\n        return a"),
    (
        "if a in seen:\n        return b\n    f(a)",
        "if a in seen:\n        return b\n    seen.add(a)\n    f(a)",
    ),
    ("f(a)\n    return xs", "if a is None:\n        return xs\n    f(a)\n    return xs"),
    ("while a:\n        break", "while a:\n        continue"),
    ("for a in xs:\n        f(a)\n        b = a", "for a in xs:\n        f(a)\n    b = a"),
    ("a = b\n    b = a + b", "b = a + b\n    a = b"),
    ("return a if b else xs", "return xs if b else a"),
    ("f(a)\n    b = a", "b = a"),
    ("return abs(a)", "return a"),
    ("if abs(a) > b:\n        return a", "if a > b:\n        return a"),
    ("if a - b > 1:\n        return a", "if abs(a - b) > 1:\n        return a"),
    ("return int(a)", "return round(a)"),
    ("return sorted(xs)", "return sorted(xs, reverse=True)"),
]
AROUND = """\
def f(x, y=None): ...


def g(x): ...


class Link:
    def __init__(self):
        self.next = self.prev = None


def faulty(a, b, xs, seen):
    {body}
"""


def module(body: str) -> str:
    return AROUND.replace("{body}", body)


@pytest.mark.parametrize(("wrong", "right"), FAULTS)
def test_a_fault_has_its_edit(wrong: str, right: str) -> None:
    source = Source.parse("a.py", module(wrong).encode())
    assert source is not None
    goal = ast.dump(ast.parse(module(right)))
    inside = [one for one in source.statements if one.function == "faulty"]
    found = {
        ast.dump(ast.parse(apply(source.content, change)))
        for statement in inside
        for change in changes_of(source, statement)
    }
    assert goal in found
    assert ast.dump(source.tree) not in found


def test_a_default_that_all_calls_share_is_copied() -> None:
    content = b"class A:\n    def __init__(self, xs=[]):\n        self.xs = xs\n"
    source = Source.parse("a.py", content)
    assert source is not None
    statement = source.statement_at(3)
    assert statement is not None
    first = [apply(content, one) for one in changes_of(source, statement)[:5]]
    assert content.replace(b"= xs\n", b"= xs[:]\n") in first


def test_edits_keep_the_rest_as_it_is_written() -> None:
    content = b"def f(a,  b):  # odd\n    return (a\n            <  b)  # and long\n"
    source = Source.parse("ü.py", b"# \xc3\xbc\n" + content)
    assert source is not None
    statement = source.statement_at(3)
    assert statement is not None
    assert (statement.line, statement.end) == (3, 4)
    changed = [apply(source.content, one).decode() for one in changes_of(source, statement)]
    assert f"# ü\n{content.decode()}".replace("<  b", "<=  b") in changed
    assert all("# odd" in one for one in changed)
