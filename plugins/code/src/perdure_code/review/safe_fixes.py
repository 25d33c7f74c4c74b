"""Ruff's safe fixes in a copy of a repository, without those that take a name from others.

Ruff looks at one file at a time. What is imported in one and not used there may be what another
file imports from it, so each name that the fixes would remove is looked for everywhere.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

from perdure_code.repository.working_copy import python_files, walk
from perdure_code.review.bindings import bound_names, effect_of, imports_at_top, parse
from perdure_code.review.facts import Withheld
from perdure_code.review.ruff_run import Ruff
from perdure_code.syntax.languages import PYTHON
from perdure_code.syntax.modules import Modules
from perdure_code.syntax.parsing import parse_file
from perdure_code.syntax.uses import Use, Uses

_TEXTS: Final = (
    *(".toml", ".cfg", ".ini", ".yml", ".yaml", ".json"),
    *(".rst", ".md", ".txt", ".html", ".ipynb", ".sh"),
)
_MOST_TEXT: Final = 1_000_000
_MOST_TEXTS: Final = 64_000_000
_ROUNDS: Final = 3
_MARK: Final = b"  # perdure: used from elsewhere"


def apply_safe_fixes(copy: Path, root: Path | None = None) -> tuple[Withheld, ...]:
    """Make ruff's safe fixes in a copy of a repository, and return those that are withheld.

    Args:
        copy: The copy; its Python files are changed.
        root: The whole repository, where the copy has only a part of it.

    Raises:
        PermanentError: Ruff is missing or does not work.
    """
    before = _contents(copy)
    ruff = Ruff(copy)
    ruff.check("--fix-only")
    names = _Names(before, root or copy)
    withheld: dict[tuple[str, str], Withheld] = {}
    for _ in range(_ROUNDS):
        after = {path: (copy / path).read_bytes() for path in before}
        found = names.removed_wrongly(after)
        if not found:
            break
        again = {one.path for one in found if (one.path, one.name) in withheld}
        withheld |= {(one.path, one.name): one for one in found}
        for path in {one.path for one in found}:
            kept = sorted(name for file, name in withheld if file == path)
            # What cannot be kept by name is kept by leaving its file alone.
            content = before[path] if path in again else _with_mark(before[path], kept)
            (copy / path).write_bytes(content)
        redone = sorted({one.path for one in found} - again)
        if redone:
            ruff.check("--fix-only")
        for path in redone:
            fixed = _without_mark((copy / path).read_bytes(), before[path])
            (copy / path).write_bytes(before[path] if fixed is None else fixed)
    else:
        for path in {one.path for one in withheld.values()}:
            (copy / path).write_bytes(before[path])
    return tuple(sorted(withheld.values(), key=lambda one: (one.path, one.line, one.name)))


class _Names:
    """Which removed names are used from elsewhere; what must be read for that is read once."""

    def __init__(self, before: Mapping[str, bytes], root: Path) -> None:
        self._before = before
        self._root = root
        self._modules = Modules(before)
        self._names: dict[str, tuple[dict[str, int], dict[tuple[str, str], int]]] = {}
        self._right: dict[str, bytes] = {}

    def removed_wrongly(self, after: Mapping[str, bytes]) -> list[Withheld]:
        """Return the names that are bound before and not after, and are used."""
        found: list[Withheld] = []
        for path, old in self._before.items():
            if after[path] != old and after[path] != self._right.get(path):
                wrong = list(self._of_file(path, after[path]))
                if not wrong:
                    self._right[path] = after[path]
                found += wrong
        return found

    def _of_file(self, path: str, content: bytes) -> Iterator[Withheld]:
        new = parse(content)
        if path not in self._names:
            tree = parse(self._before[path])
            self._names[path] = (bound_names(tree), imports_at_top(tree)) if tree else ({}, {})
        if new is None:
            return
        names, imports = self._names[path]
        left, kept = bound_names(new), imports_at_top(new)
        for name, line in names.items():
            use = self._use(path, name) if name not in left and name != "annotations" else None
            if use is not None:
                yield Withheld(path=path, line=line, name=name, because=use)
        for (module, name), line in imports.items():
            use = self._effect(path, module, line) if (module, name) not in kept else None
            if use is not None:
                yield Withheld(path=path, line=line, name=name, because=use)

    def _use(self, path: str, name: str) -> Use | None:
        if path.endswith("/__init__.py") or path == "__init__.py":
            return Use(path=path, line=0, how="is a package, whose names others import")
        return self._known.of(path, name)

    @cached_property
    def _known(self) -> Uses:
        files = {path: parse_file(path, PYTHON, content) for path, content in self._before.items()}
        return Uses(files, {**_texts(self._root), **self._before})

    def _effect(self, path: str, module: str, line: int) -> Use | None:
        """Say what running a module of the repository does that only this file imports."""
        for target in self._modules.resolve(path, module):
            if self._known.importers(target) - {path}:
                continue
            tree = parse(self._before[target])
            effect = "" if tree is None else effect_of(tree)
            if effect:
                return Use(path=target, line=line, how=f"{effect} when it is imported")
        return None


def _contents(copy: Path) -> dict[str, bytes]:
    return {file: (copy / file).read_bytes() for file in python_files(copy)}


def _texts(root: Path) -> dict[str, bytes]:
    texts: dict[str, bytes] = {}
    size = 0
    for path, entry in walk(root):
        if entry.is_symlink() or not path.endswith(_TEXTS):
            continue
        try:
            length = entry.stat().st_size
            if length > _MOST_TEXT or size + length > _MOST_TEXTS:
                continue
            texts[path] = Path(entry.path).read_bytes()
        except OSError:
            continue
        size += length
    return texts


def _with_mark(content: bytes, names: list[str]) -> bytes:
    """Return a module that says of names that it exports them, in one last line."""
    end = b"\r\n" if content.endswith(b"\r\n") else b"\n"
    operator = b"+=" if b"__all__" in content else b"="
    listed = ", ".join(f'"{name}"' for name in names).encode()
    start = content if content.endswith(b"\n") else content + end
    return start + b"__all__ " + operator + b" [" + listed + b"]" + _MARK + end


def _without_mark(content: bytes, before: bytes) -> bytes | None:
    """Return a module without that line; ``None`` when it is no longer the last one."""
    lines = content.splitlines(keepends=True)
    if not lines or _MARK not in lines[-1] or not lines[-1].startswith(b"__all__"):
        return None
    fixed = b"".join(lines[:-1])
    return fixed if before.endswith(b"\n") else fixed.rstrip(b"\r\n")
