"""What is gathered while a file is read, and giving DuckDB a file that it can read."""

from pathlib import Path
from typing import Final

from perdure.agents import InputError
from perdure_analysis.database.connection import TABLE, Database
from perdure_analysis.facts import Source

NULL: Final = "\\N"
_COPY_CHARACTERS: Final = 1 << 20
_ENCODINGS: Final = {
    "cp1252": "Windows-1252 (Latin)",
    "latin-1": "Latin-1",
    "utf-16": "UTF-16",
}


class Reading:
    """What is gathered while a file is read.

    Attributes:
        content: The file that holds the table: the source's, or what was unpacked from it.
        file: A path without special characters that leads to the file.
        left_out: Lines that are no rows.
        notes: Decisions to report.
        as_text: Columns whose text stays text, whatever it looks like.
        mostly_numbers: Columns of text in which most values were stored as numbers.
        comma_decimals: Whether the file's form speaks for the comma as decimal mark.
    """

    def __init__(self, database: Database, source: Source, content: Path) -> None:
        self.database = database
        self.source = source
        self.content = content
        # DuckDB takes * ? [ in a name for a pattern and cannot be told otherwise.
        self.file = database.folder / f"source.{source.format}"
        self.left_out = 0
        self.notes: list[str] = []
        self.as_text: set[str] = set()
        self.mostly_numbers: set[str] = set()
        self.comma_decimals = False

    def create(self, query: str, *parameters: object) -> None:
        """Make the table from a query."""
        self.database.rows(f"CREATE OR REPLACE TABLE {TABLE} AS {query}", parameters)

    def create_from_csv(self, columns: dict[str, str]) -> None:
        """Make the table from a CSV at :attr:`file` that was written here, and remove that.

        Args:
            columns: DuckDB type by name: they are known, and a guess would take text such as '007'
                for a number. A missing value is written :data:`NULL`.
        """
        self.create(
            "SELECT * FROM read_csv(?, auto_detect = false, header = true, delim = ',',"
            " quote = '\"', escape = '\"', nullstr = ?, columns = ?, max_line_size = 16777216)",
            str(self.file),
            NULL,
            columns,
        )
        self.file.unlink()

    def count(self) -> int:
        """Return how many rows the table has."""
        return self.database.whole(f"SELECT count(*) FROM {TABLE}")  # noqa: S608

    def provide_text(self, *, one_line_end: bool = False) -> None:
        """Put the source's text at :attr:`file`, in UTF-8: a link to it where that is enough.

        Args:
            one_line_end: Whether every line must end alike.

        Raises:
            InputError: The text is not in the encoding it begins in.
        """
        source = self.source
        is_utf8 = source.encoding in {"utf-8", "utf-8-sig"}
        if is_utf8 and not (one_line_end and self._has_several_line_ends()):
            self.file.symlink_to(self.content)
            return
        try:
            with (
                self.content.open(
                    encoding=source.encoding, newline=None if one_line_end else ""
                ) as stream,
                self.file.open("w", encoding="utf-8", newline="") as copy,
            ):
                while text := stream.read(_COPY_CHARACTERS):
                    copy.write(text)
        except UnicodeError as error:
            raise InputError(
                f"{source.path} is not the {source.encoding.upper()} text it begins as ({error}):"
                " save it as UTF-8"
            ) from error
        if not is_utf8:
            name = _ENCODINGS.get(source.encoding, source.encoding)
            self.notes.append(f"The text is not UTF-8; it was read as {name}.")

    def _has_several_line_ends(self) -> bool:
        """Say whether lines end in more than one of CR LF, LF and CR, those in quotes too."""
        pairs = feeds = returns = 0
        ended_in_return = False
        with self.content.open("rb") as stream:
            while block := stream.read(_COPY_CHARACTERS):
                pairs += block.count(b"\r\n") + (ended_in_return and block.startswith(b"\n"))
                feeds += block.count(b"\n")
                returns += block.count(b"\r")
                ended_in_return = block.endswith(b"\r")
        return len([count for count in (pairs, feeds - pairs, returns - pairs) if count]) > 1
