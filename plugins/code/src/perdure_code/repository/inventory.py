"""The first look at a repository: which Python files, and how large."""

from typing import Final

from perdure_code.facts import Fact
from perdure_code.repository.working_copy import is_test, python_files, resolve

_LARGEST: Final = 5


class FileSize(Fact):
    """How long a file is.

    Attributes:
        path: Relative to the repository, with forward slashes.
        lines: All its lines.
    """

    path: str
    lines: int


class Survey(Fact):
    """A repository at first sight.

    Attributes:
        root: Its folder, absolute.
        name: The folder's name.
        files: Python files.
        lines: Lines in them.
        code: Of these, lines that hold more than white space or a comment.
        test_files: How many of the files are tests, by their name or folder.
        largest: The longest files, longest first.
        unreadable: Python files that the worker may not read.
    """

    root: str
    name: str
    files: int
    lines: int
    code: int
    test_files: int
    largest: tuple[FileSize, ...]
    unreadable: tuple[str, ...]


def survey(path: str) -> Survey:
    """Look at a repository.

    Args:
        path: Its folder; a relative one is taken from this process's working directory.

    Raises:
        InputError: It is no folder, or cannot be read, or holds too many files.
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
