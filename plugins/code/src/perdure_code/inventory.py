"""The first look at a repository: which Python files, and how large."""

from typing import Final

from perdure_code.facts import FileSize, Survey
from perdure_code.working_copy import is_test, python_files, resolve

_LARGEST: Final = 5


def survey(path: str) -> Survey:
    """Look at a repository.

    Args:
        path: Its folder; a relative one is taken from this process's working directory.

    Raises:
        InputError: It is no folder with Python files, or cannot be read.
    """
    root = resolve(path)
    files = python_files(root)
    sizes: list[FileSize] = []
    unreadable: list[str] = []
    code = 0
    for file in files:
        try:
            lines = (root / file).read_bytes().splitlines()
        except OSError:
            unreadable.append(file)
            continue
        sizes.append(FileSize(path=file, lines=len(lines)))
        code += sum(_is_code(line) for line in lines)
    return Survey(
        root=str(root),
        name=root.name or str(root),
        files=len(files),
        lines=sum(size.lines for size in sizes),
        code=code,
        test_files=sum(is_test(file) for file in files),
        largest=tuple(sorted(sizes, key=lambda size: (-size.lines, size.path))[:_LARGEST]),
        unreadable=tuple(unreadable),
    )


def _is_code(line: bytes) -> bool:
    stripped = line.strip()
    return bool(stripped) and not stripped.startswith(b"#")
