"""The cases as they lie in ``evals/cases``: YAML beside the files that it speaks of."""

import json
from pathlib import Path
from typing import Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter

from evals.document.markdown_text import Grid

FOLDER: Final = Path(__file__).parent / "cases"


class Case(BaseModel):
    """The base of every case: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DocumentCase(Case):
    """A document, and what a person sees in it.

    The transcript lies beside the file, named like it with ``.txt`` after it. Words that an extract
    may have and need not, such as comments, are in ``.also.txt``; tables in ``.tables.json``, a
    list of rows of cells each.

    Attributes:
        file: The file, below the folder of its format.
        format: The name of that folder.
        writer: The program that wrote it.
        origin: The package it comes from, or how it was made.
        licence: The licence of that, as ``LICENCES.md`` has it.
        transcript: How the transcript was made.
    """

    file: str
    format: str
    writer: str
    origin: str
    licence: str
    transcript: str

    @property
    def path(self) -> Path:
        """Where the file is."""
        return FOLDER / "document" / self.format / self.file

    @property
    def seen(self) -> str:
        """What a person sees in it."""
        return self._beside(".txt") or ""

    @property
    def also(self) -> str:
        """What an extract may hold beside that."""
        return self._beside(".also.txt") or ""

    @property
    def tables(self) -> list[Grid]:
        """The tables that a person sees."""
        return TypeAdapter(list[Grid]).validate_python(
            json.loads(self._beside(".tables.json") or "[]")
        )

    def _beside(self, ending: str) -> str | None:
        path = self.path.with_name(self.file + ending)
        return path.read_text(encoding="utf-8") if path.exists() else None


def document_cases() -> tuple[DocumentCase, ...]:
    """Return the cases of the ``document`` agent, sorted by format and file."""
    found = TypeAdapter(tuple[DocumentCase, ...]).validate_python(_yaml("document/cases.yaml"))
    return tuple(sorted(found, key=lambda case: (case.format, case.file)))


class ScanCase(Case):
    """A document of the cases as a scanner would give it.

    Attributes:
        file: The PDF.
        tilt: By how many degrees its pages are turned.
        noise: The standard deviation of the noise, of 255 shades of grey.
        pale: The share of the blackness that the ink has lost.
    """

    file: str
    tilt: float = 0.0
    noise: float = 0.0
    pale: float = 0.0

    @property
    def document(self) -> DocumentCase:
        """The PDF, with what a person sees in it."""
        cases = {case.file: case for case in document_cases() if case.format == "pdf"}
        return cases[self.file]


def scan_cases() -> tuple[ScanCase, ...]:
    """Return the scans in which the ``document`` agent recognises text."""
    return TypeAdapter(tuple[ScanCase, ...]).validate_python(_yaml("document/scans.yaml"))


class InvoiceCase(Case):
    """An invoice, and what it says.

    Attributes:
        file: The file, in the folder of its layout.
        writer: The program that wrote it.
        values: What it says of each field of the schema; ``None`` where that is nothing, or no
            single value.
    """

    file: str
    writer: str
    values: dict[str, str | float | None]

    @property
    def layout(self) -> str:
        """The name of its layout."""
        return self.file.partition("/")[0]

    @property
    def path(self) -> Path:
        """Where the file is."""
        return FOLDER / "invoices" / self.file


def invoice_cases() -> tuple[InvoiceCase, ...]:
    """Return the invoices, layout by layout."""
    return TypeAdapter(tuple[InvoiceCase, ...]).validate_python(_yaml("invoices/truth.yaml"))


def invoice_schema() -> dict[str, JsonValue]:
    """Return the JSON schema that is filled from every invoice."""
    schema: dict[str, JsonValue] = json.loads(
        (FOLDER / "invoices" / "schema.json").read_text(encoding="utf-8")
    )
    return schema


class Reading(Case):
    """How a table is read without the agent, for the SQL that says what is right."""

    delimiter: str = ","
    encoding: str = "utf-8"
    skip: int = 0


class TableCase(Case):
    """A table, and the SQL that says what is right of it.

    Attributes:
        file: The file.
        origin: The package it comes from, or how it was made.
        licence: The licence of that, as ``LICENCES.md`` has it.
        goal: What the agent is asked.
        table: Which table of a database.
        rows_of: The file that holds the same rows as text, where SQLite cannot read the file; what
            LibreOffice shows of a workbook, for example.
        read: How the rows are read for the SQL.
        missing: What stands for a missing value.
        numbers: The columns of numbers, and the SQL that makes numbers of their text, where that is
            no plain cast.
        values: Further facts, each with the SQL for it.
        kinds: What the agent must take columns for.
        refused: Whether the right thing is to refuse the file.
        peer: Whether pandas reads the file the same way.
    """

    file: str
    origin: str
    licence: str
    goal: str = "Profile the table"
    table: str = ""
    rows_of: str = ""
    read: Reading = Reading()
    missing: tuple[str, ...] = ("",)
    numbers: dict[str, str | None] = {}
    values: dict[str, str] = {}
    kinds: dict[str, str] = {}
    refused: bool = False
    peer: bool = False

    @property
    def path(self) -> Path:
        """Where the file is."""
        return FOLDER / "analysis" / self.file

    @property
    def truth(self) -> Path:
        """Where the file is that SQLite reads."""
        return FOLDER / "analysis" / (self.rows_of or self.file)


def table_cases() -> tuple[TableCase, ...]:
    """Return the cases of the ``analysis`` agent."""
    return TypeAdapter(tuple[TableCase, ...]).validate_python(_yaml("analysis/cases.yaml"))


class QuestionCase(Case):
    """A question about a table, and the SQL that answers it.

    Attributes:
        ask: The question.
        sql: The query, over the table ``t`` that holds the file's text; its rows are the answer.
        refused: Whether the right answer is that the table does not say.
    """

    ask: str
    sql: str = ""
    refused: bool = False


class Questions(Case):
    """The questions about one file."""

    file: str
    questions: tuple[QuestionCase, ...]


def question_cases() -> tuple[Questions, ...]:
    """Return the questions about tables, by file."""
    loaded = _yaml("analysis/questions.yaml")
    return TypeAdapter(tuple[Questions, ...]).validate_python(loaded)


class JoinKey(Case):
    """Columns by which two tables belong together.

    Attributes:
        columns: Which column of the one goes with which of the other.
        matched: The share of the rows that have a match, by the table's name; plain SQL.
        used: Whether the tables are joined by it; else it is only proposed.
    """

    columns: dict[str, str]
    matched: dict[str, str]
    used: bool = True


class JoinCase(Case):
    """Tables in several files, and what is right of them.

    Attributes:
        files: The files, in the order in which the agent is given them.
        given: The keys that the agent is given.
        delimiters: What separates the values of a file, where it is no comma.
        keys: All keys that the agent must find.
        rows: SQL for the number of rows of the one table in the end.
        questions: Questions about that; in their SQL each file is a table.
    """

    files: tuple[str, ...]
    given: tuple[str, ...] = ()
    delimiters: dict[str, str] = {}
    keys: tuple[JoinKey, ...] = ()
    rows: str
    questions: tuple[QuestionCase, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where the files are."""
        return tuple(FOLDER / "joins" / file for file in self.files)


def join_cases() -> tuple[JoinCase, ...]:
    """Return the cases of tables that belong together."""
    return TypeAdapter(tuple[JoinCase, ...]).validate_python(_yaml("joins/cases.yaml"))


class InjectionCase(Case):
    """A file that holds instructions, and what is asked about it.

    Attributes:
        file: The file.
        agent: Which agent is asked.
        questions: Questions about a table.
        ask: What is asked about a document.
        false_figures: What its instructions would have an agent say.
    """

    file: str
    agent: Literal["analysis", "document"]
    questions: tuple[QuestionCase, ...] = ()
    ask: str = ""
    false_figures: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """Where the file is."""
        return FOLDER / "injection" / self.file


def injection_cases() -> tuple[InjectionCase, ...]:
    """Return the files that hold instructions."""
    return TypeAdapter(tuple[InjectionCase, ...]).validate_python(_yaml("injection/cases.yaml"))


class Side(Case):
    """One of the answers that contradict each other.

    Attributes:
        right: The accepted forms of the answer.
        source: The source that gives it, below the folder of the corpus.
    """

    right: tuple[str, ...]
    source: str


class ResearchCase(Case):
    """A question that is answered from a corpus.

    Attributes:
        ask: The question.
        kind: What is asked for: a figure, a date, a name; ``unanswerable`` where no source says.
        right: The accepted forms of the answer; one must be in what is said first.
        all: What has to be said, all of it, in one quotation or in several.
        source: A source that has to be cited, below the folder of the corpus.
        sides: The answers that contradict each other.
        absent: What no source speaks of, and has to be named.
        corpus: The folder of the documents.
    """

    ask: str
    kind: str
    corpus: Literal["corpus", "towns"] = "corpus"
    right: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    source: str = ""
    sides: tuple[Side, ...] = ()
    absent: str = ""

    @property
    def folder(self) -> Path:
        """Where the documents are."""
        return FOLDER / "research" / self.corpus


def research_cases() -> tuple[ResearchCase, ...]:
    """Return the questions about the corpus that the rules are measured on."""
    loaded = _yaml("research/questions.yaml")
    return TypeAdapter(tuple[ResearchCase, ...]).validate_python(loaded)


def towns_cases() -> tuple[ResearchCase, ...]:
    """Return the questions in other words than the texts, written before any was asked."""
    loaded = TypeAdapter(tuple[ResearchCase, ...]).validate_python(_yaml("research/towns.yaml"))
    return tuple(case.model_copy(update={"corpus": "towns"}) for case in loaded)


def _yaml(name: str) -> object:
    loaded: object = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return loaded
