"""What an explanation without a model consists of."""

from perdure_code.facts import Fact


class Explained(Fact):
    """A definition that the goal asks about.

    Attributes:
        path: Its file.
        name: Its qualified name.
        kind: ``function``, ``class`` or ``type``.
        line: Where it begins, from 1.
        end: Its last line.
        signature: Its head.
        code: Its first lines.
        says: The first paragraph of its docstring, or the comment before it; empty without any.
        used: Where its name is used, as path and line, at most five places.
        uses: How many further places use it.
    """

    path: str
    name: str
    kind: str
    line: int
    end: int
    signature: str
    code: str = ""
    says: str = ""
    used: tuple[tuple[str, int], ...] = ()
    uses: int = 0


class Part(Fact):
    """A file of the repository.

    Attributes:
        path: The file.
        language: Its language.
        lines: How many it has.
        definitions: How many functions, classes and types it has.
        says: The first paragraph of its docstring; empty without any.
        line: Where that begins.
        importers: How many files import it.
    """

    path: str
    language: str
    lines: int
    definitions: int
    says: str = ""
    line: int = 1
    importers: int = 0


class Overview(Fact):
    """A repository, and what of it the goal asks about.

    Attributes:
        explained: What the goal's words name, the likeliest first; empty when they name nothing.
        parts: The files that the others build on, and the largest, at most twenty.
        files: How many source files there are.
        lines: How many lines they have.
    """

    explained: tuple[Explained, ...]
    parts: tuple[Part, ...]
    files: int
    lines: int
