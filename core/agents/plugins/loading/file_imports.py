"""Imports of plugin files: each version of a file is a package of its own, with what is beside it.

``import tools`` in ``my_agent.py`` finds ``tools.py`` in the same folder, as it would in a script.
It becomes ``perdure_file_my_agent_3.tools``, for the third version: what was created by an earlier
version goes on with the modules of that version, and two files may have neighbours of one name.
"""

import builtins
import importlib.util
import itertools
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

Stamp = tuple[int, int]
"""When a file was modified last, in nanoseconds, and its size in bytes."""

_numbers: Final = itertools.count(1)


def read_stamp(path: Path) -> Stamp | None:
    """Return a file's stamp, which changes with the file; ``None`` when it is not there."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size)


def import_file(path: Path, source: bytes, imported: dict[Path, Stamp | None]) -> ModuleType:
    """Execute a plugin file's source as a module that is new each time.

    Args:
        path: The file.
        source: Its source.
        imported: Gets the files beside it that are imported, now or later, and those that were
            looked for in vain, with their stamps when they were read.

    Raises:
        Exception: Whatever the module raises.
    """
    stem = re.sub(r"\W", "_", path.stem)
    name = f"perdure_file_{stem}_{next(_numbers)}"
    version = _Version(name, path, imported)
    loader = _Loader(version, name, str(path), source)
    spec = importlib.util.spec_from_file_location(
        name, path, loader=loader, submodule_search_locations=[str(path.parent)]
    )
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    # It stays there: dataclasses and type hints look their module up, at any time.
    sys.modules[name] = module
    _finder.versions[name] = version
    try:
        loader.exec_module(module)
    except BaseException:
        for key in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
            del sys.modules[key]
        del _finder.versions[name]
        raise
    return module


class _Version:
    """One version of a plugin file.

    Attributes:
        builtins: What its modules have as built-in names: Python's own, and another ``__import__``.
        imported: As for :func:`import_file`.
    """

    def __init__(self, name: str, path: Path, imported: dict[Path, Stamp | None]) -> None:
        self.builtins = vars(builtins) | {"__import__": self._import}
        self.imported = imported
        self._name = name
        self._path = path

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 -- as Python calls them
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        top = name.partition(".")[0]
        if level == 0 and self._is_beside(top):
            module = __import__(f"{self._name}.{name}", globals, locals, fromlist or (), 0)
            return module if fromlist else sys.modules[f"{self._name}.{top}"]
        try:
            return __import__(name, globals, locals, fromlist or (), level)
        except ModuleNotFoundError as error:
            if level == 0 and error.name == top:
                for place in self._places(top):
                    self.imported.setdefault(place, None)
            raise

    def _is_beside(self, top: str) -> bool:
        # A library of the same name as the file itself, or as a part of Python, is what is meant.
        if top in sys.stdlib_module_names or top == self._path.stem:
            return False
        return any(place.is_file() for place in self._places(top))

    def _places(self, top: str) -> tuple[Path, Path]:
        folder = self._path.parent
        return folder / f"{top}.py", folder / top / "__init__.py"


class _Loader(SourceFileLoader):
    """Compiles a source as it is now, for a version of a plugin file.

    Python's cached bytecode would count as fresh after an edit within the same second.
    """

    def __init__(self, version: _Version, name: str, path: str, source: bytes | None) -> None:
        super().__init__(name, path)
        self._version = version
        self._source = source

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 -- the loader's protocol
        if self._source is None:
            path = Path(self.path)
            self._version.imported[path] = read_stamp(path)
            self._source = path.read_bytes()
        code: CodeType = self.source_to_code(self._source, self.path)
        return code

    def get_data(self, path: str) -> bytes:
        """Return the source that runs, so that tracebacks show its lines."""
        if self._source is not None and path == self.path:
            return self._source
        return super().get_data(path)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module with the built-in names of its version."""
        module.__dict__["__builtins__"] = self._version.builtins
        super().exec_module(module)


class _Finder(MetaPathFinder):
    """Finds the modules beside a plugin file, for the version that imports them.

    Attributes:
        versions: The versions in use, by the name of their module.
    """

    def __init__(self) -> None:
        self.versions: dict[str, _Version] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the specification of a module; ``None`` when it belongs to no version."""
        version = self.versions.get(fullname.partition(".")[0])
        if version is None:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(version, fullname, spec.loader.path, None)
            spec.cached = None
        return spec


_finder: Final = _Finder()
# First: Python's own would find the same files, and know nothing of versions.
sys.meta_path.insert(0, _finder)
