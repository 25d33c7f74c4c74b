"""What the syntax of a repository shows."""

from perdure_code.facts import Fact


class Definition(Fact):
    """A function, method, class or type.

    Attributes:
        name: Qualified, such as ``Basket.total``.
        kind: ``function``, ``class`` or ``type``.
        line: Where it begins, from 1.
        end: Its last line.
        signature: Its head as it is written, on one line.
        branches: How many decisions a function takes; 0 for the others.
    """

    name: str
    kind: str
    line: int
    end: int
    signature: str
    branches: int = 0


class Import(Fact):
    """What a file imports.

    Attributes:
        module: As it is written: ``pkg.compat``, ``.compat``, ``./view``, ``java.util``.
        names: The names that are taken from it; ``*`` for all, none for the module itself.
        line: Where, from 1.
        alias: Under which name the module, or the one name, is known then; empty for its own.
    """

    module: str
    names: tuple[str, ...]
    line: int
    alias: str = ""


class SyntaxFault(Fact):
    """A place that is not understood.

    Attributes:
        line: From 1.
        message: What is wrong.
    """

    line: int
    message: str


class Remark(Fact):
    """A comment that says that something is left to do.

    Attributes:
        line: From 1.
        text: What it says, on one line.
    """

    line: int
    text: str


class FileMap(Fact):
    """One source file.

    Attributes:
        path: Relative to the repository.
        language: Such as ``Python``.
        lines: All its lines.
        definitions: What it defines, in order.
        imports: What it imports, in order.
        faults: Where its syntax is wrong, at most five places.
        remarks: What it says is left to do, at most twenty.
        needs: The Python version that its syntax needs beyond the oldest ones, such as ``3.12``,
            or ``2`` for what no Python 3 reads; empty when none is known.
        because: Which syntax needs it, with its line.
    """

    path: str
    language: str
    lines: int
    definitions: tuple[Definition, ...] = ()
    imports: tuple[Import, ...] = ()
    faults: tuple[SyntaxFault, ...] = ()
    remarks: tuple[Remark, ...] = ()
    needs: str = ""
    because: str = ""


class LanguageTotal(Fact):
    """How much of a repository is in one language.

    Attributes:
        files: How many files.
        lines: How many lines.
    """

    files: int
    lines: int


class RepositoryMap(Fact):
    """The source files of a repository.

    Attributes:
        files: By path.
        languages: How much there is of each, the most first.
        left_out: Files whose definitions are left out, as there are too many.
    """

    files: tuple[FileMap, ...]
    languages: dict[str, LanguageTotal]
    left_out: int = 0
