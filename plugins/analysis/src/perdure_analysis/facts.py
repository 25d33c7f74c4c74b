"""What is found out about a table: what steps return and ``profile.json`` holds.

Shares are 0 to 1. Rows are numbered from 1, a header not counted. Values of the table are exact,
and so are sums of values that have few digits after the point. Other statistics are rounded to ten
significant digits, so that the order in which threads add numbers up does not show.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Kind = Literal[
    "number",
    "date",
    "time",
    "duration",
    "category",
    "text",
    "boolean",
    "identifier",
    "binary",
    "nested",
    "empty",
]
# A whole number of any length stays one: as a float it would lose digits.
Number = int | float
Unit = Literal["day", "week", "month", "quarter", "year"]
Format = Literal["csv", "json", "parquet", "sqlite", "duckdb", "excel", "ods"]


class Fact(BaseModel):
    """The base of everything here: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Packing(Fact):
    """How a file was packed: its ``kind``, and which ``member`` of an archive it is."""

    kind: str
    member: str = ""


class Source(Fact):
    """A file that was recognised as a table.

    Attributes:
        path: Absolute path.
        name: Its last part.
        format: What the content is, whatever the name says.
        size: Bytes.
        modified: When it was last changed, in nanoseconds since 1970: a retry sees by it that it
            still reads the same file.
        encoding: Python's name of a text file's encoding; empty for a binary format.
        table: Which table of a database or workbook.
        packed: How the table's file lies in this one, from the outside in; empty for a file that
            is not compressed.
        notes: What a reader of the report must know of how the table was found.
        parts: The files, where there are several: ``path`` is their folder then.
        keys: The columns to join them by, as they were asked for.
    """

    path: str
    name: str
    format: Format
    size: int
    modified: int
    encoding: str = ""
    table: str | None = None
    packed: tuple[Packing, ...] = ()
    notes: tuple[str, ...] = ()
    parts: tuple["Source", ...] = ()
    keys: tuple[str, ...] = ()


class FilePart(Fact):
    """One of several files: its name, its rows, and how many lines were left out."""

    name: str
    rows: int
    left_out: int = 0


class Key(Fact):
    """Columns by which the tables of two files can be joined.

    Attributes:
        first: One file.
        second: The other; the first and others once they are joined.
        columns: Which column of the first goes with which of the second.
        first_matched: The share of the first one's rows that have a match.
        second_matched: The share of the second one's rows that have a match.
        first_unique: Whether no value repeats in the first.
        second_unique: Whether no value repeats in the second.
        used: Whether the tables were joined by it.
    """

    first: str
    second: str
    columns: tuple[tuple[str, str], ...]
    first_matched: float
    second_matched: float
    first_unique: bool
    second_unique: bool
    used: bool = False


class Loaded(Fact):
    """How a table was read.

    Attributes:
        rows: How many rows it has.
        columns: Name and DuckDB type of every column.
        left_out: How many lines or rows of the file could not be read as rows.
        notes: Decisions taken while reading that a reader of the report must know.
        parts: The files, where there were several.
        keys: By what several files were joined, or can be.
    """

    rows: int
    columns: dict[str, str]
    left_out: int = 0
    notes: tuple[str, ...] = ()
    parts: tuple[FilePart, ...] = ()
    keys: tuple[Key, ...] = ()


class ValueCount(Fact):
    """A value, how often it occurs, and its share of the values that are not missing."""

    value: str
    count: int
    share: float


class Outlier(Fact):
    """A value beyond the fences, and one row that holds it."""

    row: int
    value: Number


class Bin(Fact):
    """A bar of a histogram: from ``low`` up to ``high``, which the last bar includes."""

    low: float
    high: float
    count: int


class Numbers(Fact):
    """The facts about a column of numbers, or of durations in seconds.

    Attributes:
        lower_fence: First quartile less 1.5 times the distance between the quartiles.
        upper_fence: Third quartile and as much again.
        outliers: How many values lie beyond the fences; ``None`` where the quartiles are equal,
            which makes the rule meaningless.
        extremes: The five outliers farthest from the median.
        not_finite: Infinite values, NaN, and those beyond 1e100, which count as missing.
        bins: Equal-width bars between three times the quartile distance on both sides; what lies
            outside is in ``beyond_bins``.
        decimals: How many digits after the point every value has at most; ``None`` where the values
            are binary fractions of no particular length. Sums and means are exact where it is set.
        exact: In digits, those of ``minimum``, ``maximum`` and ``total`` that a double rounds.
    """

    minimum: Number
    lower_quartile: Number
    median: Number
    mean: Number
    upper_quartile: Number
    maximum: Number
    standard_deviation: float | None
    total: Number
    zeros: int
    negatives: int
    lower_fence: float
    upper_fence: float
    outliers: int | None
    extremes: tuple[Outlier, ...] = ()
    not_finite: int = 0
    bins: tuple[Bin, ...] = ()
    beyond_bins: int = 0
    decimals: int | None = None
    exact: dict[str, str] = {}


class Dates(Fact):
    """The first and last of a column of dates or times of day, in ISO 8601."""

    earliest: str
    latest: str


class Texts(Fact):
    """The facts about a column of text; lengths in characters.

    Attributes:
        variants: Groups of values that differ only in case or surrounding blanks.
    """

    shortest: int
    mean_length: float
    longest: int
    variants: tuple[tuple[str, ...], ...] = ()


class Column(Fact):
    """The facts about one column.

    Attributes:
        type: DuckDB's type.
        kind: What the column is for; decides what else is looked at.
        missing: NULL, or text that is blank.
        distinct: Different values, missing ones not counted.
        top: The most frequent values, for columns in which values repeat.
        years: The first and the last, for columns that hold years as whole numbers.
    """

    name: str
    type: str
    kind: Kind
    count: int
    missing: int
    distinct: int
    top: tuple[ValueCount, ...] = ()
    numbers: Numbers | None = None
    dates: Dates | None = None
    texts: Texts | None = None
    years: tuple[int, int] | None = None


class Columns(Fact):
    """Every column of a table, in the file's order."""

    columns: tuple[Column, ...]

    def of(self, *kinds: Kind) -> list[Column]:
        """Return the columns of the given kinds."""
        return [column for column in self.columns if column.kind in kinds]


class Measure(Fact):
    """The number the report follows.

    Attributes:
        column: Its name.
        additive: Whether summing it makes sense; where that is not plain from the name, means are
            shown.
        why: Why this one was taken, in a few words.
    """

    column: str
    additive: bool
    why: str

    @property
    def verb(self) -> str:
        """``total`` or ``mean``."""
        return "total" if self.additive else "mean"


class Group(Fact):
    """One value of a category, its rows, and the measure's total or mean over them."""

    value: str
    rows: int
    measure: Number
    share: float | None


class Breakdown(Fact):
    """The measure by the values of a category, largest first.

    Attributes:
        groups: At most fifteen.
        others: How many values are not shown.
    """

    category: str
    groups: tuple[Group, ...]
    others: int = 0


class Correlation(Fact):
    """How two columns of numbers go together.

    Attributes:
        pearson: Along a straight line, -1 to 1.
        spearman: In rank, -1 to 1; outliers sway it little.
        rows: How many rows have both.
    """

    first: str
    second: str
    pearson: float
    spearman: float
    rows: int


class Relations(Fact):
    """What the columns have to do with each other.

    Attributes:
        duplicates: Rows that repeat an earlier row in every column.
        correlations: Strongest first.
        breakdowns: The measure by each category.
    """

    duplicates: int
    measure: Measure | None = None
    correlations: tuple[Correlation, ...] = ()
    breakdowns: tuple[Breakdown, ...] = ()


class Point(Fact):
    """One period: its first day, its rows, and the measure's total or mean (``None``: no value)."""

    start: str
    rows: int
    value: Number | None
    complete: bool = True


class Trend(Fact):
    """A number over time.

    Attributes:
        dates: The column that says when.
        column: The number followed; empty when rows are counted.
        verb: ``total``, ``mean`` or ``rows``.
        unit: How long a period is.
        points: Every period from first to last, those without rows too.
        slope: Change for each period along the least-squares line through complete periods.
        intercept: The line's value at the first period.
        r_squared: How much of the ups and downs the line explains, 0 to 1.
        clear: Whether to speak of a trend: at least eight complete periods and R² of 0.3 or more.
    """

    dates: str
    column: str
    verb: str
    unit: Unit
    points: tuple[Point, ...]
    slope: float | None = None
    intercept: float | None = None
    r_squared: float | None = None
    clear: bool = False


class Trends(Fact):
    """The measure over time first, then the number of rows; empty without a column of dates."""

    trends: tuple[Trend, ...] = ()


class Profile(Fact):
    """Everything found out: the content of ``profile.json``."""

    source: Source
    loaded: Loaded
    columns: Columns
    relations: Relations
    trends: Trends
    findings: tuple[str, ...]
