"""Which file a Python module's name means, and which files import it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from perdure_code.syntax.facts import FileMap, Import
from perdure_code.syntax.languages import PYTHON

_ROOTS: Final = ("src", "lib", "python")


class Modules:
    """The Python modules of a repository, by the names under which they can be imported.

    A module has the name from its outermost package on, and those from the repository's folder
    and from ``src`` on, for packages need no ``__init__.py``.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = sorted(path for path in paths if path.endswith((".py", ".pyi")))
        self._packages = {
            path.rpartition("/")[0] for path in self._paths if path.endswith("/__init__.py")
        }
        self._files: dict[str, list[str]] = defaultdict(list)
        for path in self._paths:
            for name in self.names(path):
                self._files[name].append(path)

    def names(self, path: str) -> list[str]:
        """Return the names of a file as a module, the shortest first."""
        parts = path.rpartition(".")[0].split("/")
        folder = path.rpartition("/")[0]
        depth = len(parts) - 1
        while depth and "/".join(parts[:depth]) in self._packages:
            depth -= 1
        starts = {depth, 0}
        if folder:
            starts |= {at + 1 for at, part in enumerate(parts[:-1]) if part in _ROOTS}
        # A script's neighbours can be imported by their bare names.
        if folder not in self._packages:
            starts.add(len(parts) - 1)
        names = set()
        for start in starts:
            own = parts[start:]
            if own and own[-1] == "__init__":
                own = own[:-1]
            if own and all(part.isidentifier() for part in own):
                names.add(".".join(own))
        return sorted(names, key=lambda name: (name.count("."), name))

    def files(self, name: str) -> list[str]:
        """Return the files that a module's absolute name may mean."""
        return self._files.get(name, [])

    def resolve(self, importer: str, module: str) -> list[str]:
        """Return the files that a module may mean in an import of a file.

        Args:
            importer: The file with the import.
            module: As it is written there, relative with its dots.
        """
        level = len(module) - len(module.lstrip("."))
        if not level:
            return self.files(module)
        folders = importer.split("/")[:-1]
        if level - 1 > len(folders):
            return []
        base = folders[: len(folders) - (level - 1)]
        rest = module.lstrip(".")
        path = "/".join([*base, *(rest.split(".") if rest else [])])
        candidates = [f"{path}/__init__.py".lstrip("/"), f"{path}.py", f"{path}.pyi"]
        return [one for one in candidates if one in self._paths]


def imported_files(
    file: FileMap, modules: Modules
) -> Iterator[tuple[Import, list[str], list[tuple[str, list[str]]]]]:
    """Yield each import of a Python file with the files it means.

    Yields:
        The import; the files of its module; and, of ``from package import module``, each name that
        is a module itself with its files.
    """
    if file.language != PYTHON:
        return
    for one in file.imports:
        submodules = []
        for name in one.names:
            joiner = "" if one.module.endswith(".") else "."
            found = modules.resolve(file.path, f"{one.module}{joiner}{name}")
            if found:
                submodules.append((name, found))
        yield one, modules.resolve(file.path, one.module), submodules
