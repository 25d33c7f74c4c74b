"""Writing the report in Markdown."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from perdure_analysis.answers.answer import Answer
from perdure_analysis.facts import Column, Numbers, Profile
from perdure_analysis.formatting import cell, code, counted, expected, number, share, size
from perdure_analysis.profile.chart_choice import Picture
from perdure_analysis.report.answers import answer_lines
from perdure_analysis.several.section import files_section

_FORMATS: Final = {
    "csv": "CSV",
    "json": "JSON",
    "parquet": "Parquet",
    "sqlite": "SQLite",
    "duckdb": "DuckDB",
    "excel": "Excel",
    "ods": "OpenDocument",
}
_TOP: Final = 5
_CORRELATIONS: Final = 15


def write_report(
    profile: Profile,
    pictures: Iterable[Picture],
    description: str,
    answers: Sequence[Answer] = (),
) -> str:
    """Write the report.

    Args:
        profile: What was found out.
        pictures: Those drawn; they are referred to by name, relative to the report.
        description: The goal in words.
        answers: The answers to the questions in it.
    """
    shown = list(pictures)
    sections = [
        _head(profile, description),
        answer_lines(answers, shown),
        _findings(profile),
        _columns(profile, shown),
        _over_time(shown),
        _categories(profile, shown),
        _numbers(profile, shown),
        _relations(profile, shown),
        _method(profile),
    ]
    return "\n".join(line for section in sections for line in section).rstrip() + "\n"


def _head(profile: Profile, description: str) -> Iterator[str]:
    source, loaded = profile.source, profile.loaded
    name = f"{source.name}, table {source.table}" if source.table else source.name
    yield f"# Profile of {cell(name)}"
    yield ""
    yield f"> {cell(description)}"
    yield ""
    yield (
        f"{_FORMATS[source.format]}, {size(source.size)}: {counted(loaded.rows, 'row')},"
        f" {counted(len(loaded.columns), 'column')}."
    )
    yield ""
    yield from files_section(profile.loaded)


def _findings(profile: Profile) -> Iterator[str]:
    yield "## What stands out"
    yield ""
    yield from (f"- {finding}" for finding in profile.findings)
    yield ""


def _columns(profile: Profile, pictures: list[Picture]) -> Iterator[str]:
    yield "## Columns"
    yield ""
    yield "| Column | Holds | Missing | Distinct | Values |"
    yield "|:--|:--|--:|--:|:--|"
    for column in profile.columns.columns:
        missing = "-"
        if column.missing:
            missing = f"{column.missing:,} ({share(column.missing / profile.loaded.rows)})"
        yield (
            f"| {code(column.name)} | {column.kind} ({cell(column.type)}) | {missing}"
            f" | {column.distinct:,} | {_values(column)} |"
        )
    yield ""
    yield from _pictures(pictures, "columns")


def _values(column: Column) -> str:
    if column.years is not None and column.numbers is not None:
        return f"{column.years[0]} to {column.years[1]}"
    if column.numbers is not None:
        return f"{number(column.numbers.minimum)} to {number(column.numbers.maximum)}"
    if column.dates is not None:
        return f"{cell(column.dates.earliest)} to {cell(column.dates.latest)}"
    if column.top:
        first = ", ".join(f"{code(one.value)} {share(one.share)}" for one in column.top[:3])
        return first + (", …" if column.distinct > 3 else "")
    if column.texts is not None:
        texts = column.texts
        return f"{texts.shortest:,} to {texts.longest:,} characters"
    return ""


def _over_time(pictures: list[Picture]) -> Iterator[str]:
    if any(picture.section == "time" for picture in pictures):
        yield "## Over time"
        yield ""
        yield from _pictures(pictures, "time")


def _categories(profile: Profile, pictures: list[Picture]) -> Iterator[str]:
    broken = profile.relations.breakdowns
    measure = profile.relations.measure
    named = {breakdown.category for breakdown in broken}
    counted_only = [
        column
        for column in profile.columns.of("category", "boolean", "text")
        if column.name not in named and column.top and column.top[0].count > 1
    ]
    if not broken and not counted_only:
        return
    yield "## Categories"
    yield ""
    if measure is not None and broken:
        yield (
            f"The report follows {code(measure.column)} ({measure.why}); shown is its"
            f" {measure.verb}."
        )
        yield ""
        yield f"| Category | Value | Rows | {measure.verb.capitalize()} | Share |"
        yield "|:--|:--|--:|--:|--:|"
        for breakdown in broken:
            for place, group in enumerate(breakdown.groups[:_TOP]):
                part = "-" if group.share is None else share(group.share)
                name = code(breakdown.category) if place == 0 else ""
                yield (
                    f"| {name} | {cell(group.value)} | {group.rows:,}"
                    f" | {number(group.measure)} | {part} |"
                )
            rest = len(breakdown.groups) - _TOP + breakdown.others
            if rest > 0:
                yield f"| | {counted(rest, 'more value')} | | | |"
        yield ""
    for column in counted_only:
        top = ", ".join(f"{code(one.value)} {one.count:,}" for one in column.top[:_TOP])
        more = ", …" if column.distinct > _TOP else ""
        yield f"Rows by {code(column.name)}: {top}{more}."
        yield ""
    yield from _pictures(pictures, "categories")


def _numbers(profile: Profile, pictures: list[Picture]) -> Iterator[str]:
    described = [
        (column, column.numbers) for column in profile.columns.columns if column.numbers is not None
    ]
    if not described:
        return
    yield "## Numbers"
    yield ""
    yield "| Column | Minimum | 1st quartile | Median | Mean | 3rd quartile | Maximum | Std dev. |"
    yield "|:--|--:|--:|--:|--:|--:|--:|--:|"
    for column, numbers in described:
        row = (
            numbers.minimum,
            numbers.lower_quartile,
            numbers.median,
            numbers.mean,
            numbers.upper_quartile,
            numbers.maximum,
            numbers.standard_deviation,
        )
        yield (
            f"| {code(column.name)} | "
            + " | ".join(_year(value) if column.years else number(value) for value in row[:-1])
            + f" | {number(row[-1])} |"
        )
    yield ""
    yield "| Column | Zeros | Negative | Outliers | Expected range | Farthest out |"
    yield "|:--|--:|--:|--:|:--|:--|"
    for column, numbers in described:
        yield _outlier_row(column, numbers)
    yield ""
    yield from _pictures(pictures, "numbers")


def _year(value: float | None) -> str:
    return number(value) if value is None else f"{value:.6g}"


def _outlier_row(column: Column, numbers: Numbers) -> str:
    farthest = ", ".join(f"{number(one.value)} (row {one.row:,})" for one in numbers.extremes[:3])
    outliers, within = "-", "quartiles are equal"
    if numbers.outliers is not None:
        outliers = f"{numbers.outliers:,} ({share(numbers.outliers / column.count)})"
        within = expected(numbers)
    return (
        f"| {code(column.name)} | {numbers.zeros:,} | {numbers.negatives:,} | {outliers}"
        f" | {within} | {farthest} |"
    )


def _relations(profile: Profile, pictures: list[Picture]) -> Iterator[str]:
    correlations = profile.relations.correlations
    if not correlations:
        return
    yield "## Correlations"
    yield ""
    yield "| Columns | Pearson's r | Spearman's rank | Rows |"
    yield "|:--|--:|--:|--:|"
    for one in correlations[:_CORRELATIONS]:
        yield (
            f"| {code(one.first)}, {code(one.second)} | {one.pearson:.2f} | {one.spearman:.2f}"
            f" | {one.rows:,} |"
        )
    yield ""
    yield "A correlation does not say that one thing causes the other."
    yield ""
    yield from _pictures(pictures, "relations")


def _method(profile: Profile) -> Iterator[str]:
    yield "## How this was made"
    yield ""
    yield (
        "- Every figure counts the whole table, no sample. Missing means no value, blank text, or"
        " a number that is not finite."
    )
    yield (
        "- Rows are numbered from 1, a header not counted. An outlier lies more than 1.5 times the"
        " distance between the quartiles beyond them: unusual, not necessarily wrong."
    )
    if profile.trends.trends:
        yield (
            "- A trend is spoken of when a least-squares line through at least eight complete"
            " periods explains 30 % of the ups and downs or more. It says nothing about the future."
        )
    if profile.columns.of("identifier"):
        yield "- Identifiers (keys, running numbers) are left out of statistics and pictures."
    yield "- `profile.json` holds everything in machine-readable form."


def _pictures(pictures: list[Picture], section: str) -> Iterator[str]:
    for picture in pictures:
        if picture.section == section:
            yield f"![{cell(picture.title)}]({picture.name})"
            yield ""
