"""The report in Markdown."""

from collections.abc import Iterator
from typing import Final

from perdure_research.answers.quoting import in_words
from perdure_research.report.outcome import Report, ReportedCitation

_MOST_LISTED: Final = 200
_MOST_UNREAD: Final = 200


def write_report(report: Report) -> str:
    """Return the report in Markdown."""
    sections = (
        _head(report),
        _contradictions(report),
        _support(report),
        _not_found(report),
        _citations(report),
        _sources(report),
        _unread(report),
        _method(report),
    )
    return "\n".join(line for section in sections for line in section).rstrip() + "\n"


def _head(report: Report) -> Iterator[str]:
    question = _plain(report.question)
    yield f"# {question if len(question) <= 120 else question[:119].rstrip() + '…'}"
    yield ""
    if report.contradictions and not report.undisputed:
        return
    yield "## Answer"
    yield ""
    if report.status == "not-said":
        yield " ".join(report.not_found)
        yield ""
        return
    part = ""
    for claim in report.undisputed:
        if claim.question != part:
            part = claim.question
            yield from ("", f"**{_plain(part)}**", "")
        yield f"- {_plain(claim.text)} {_links(claim.citations)}"
    yield ""


def _contradictions(report: Report) -> Iterator[str]:
    if not report.contradictions:
        return
    yield "## The sources contradict each other"
    yield ""
    for one in report.contradictions:
        yield "| Says | Source | Date |"
        yield "|:--|:--|:--|"
        for side in one.sides:
            sources = ", ".join(map(_plain, side.sources))
            said = f"{_plain(side.text)} {_links(side.citations)}"
            yield f"| {said} | {sources} | {side.date or 'unknown'} |"
        yield ""


def _support(report: Report) -> Iterator[str]:
    support = [claim for claim in report.claims if claim.role == "support"]
    if support:
        yield "## Also"
        yield ""
        yield from (f"- {_plain(one.text)} {_links(one.citations)}" for one in support)
        yield ""


def _not_found(report: Report) -> Iterator[str]:
    if report.not_found and report.status != "not-said":
        yield "## Looked for and not found"
        yield ""
        yield from (f"- {_plain(sentence)}" for sentence in report.not_found)
        yield ""
    if report.nearest:
        yield "## What comes nearest, and is no answer"
        yield ""
        for one in report.nearest:
            yield f"- {_plain(in_words(one.quote))} ({_plain(one.title)}, {_plain(one.place)})"
        yield ""


def _citations(report: Report) -> Iterator[str]:
    if not report.citations:
        return
    yield "## Citations"
    yield ""
    for one in report.citations:
        named = f"**{_plain(one.title)}** · " if one.title != one.source else ""
        date = f" · {one.date}" if one.date else ""
        yield (
            f'<a id="citation-{one.number}"></a>[{one.number}] {named}{_address(one)}'
            f" · {_plain(one.place)}{date}"
        )
        yield ""
        yield from (f"> {line}".rstrip() for line in one.quote.split("\n"))
        yield ""
        if one.also:
            yield f"The same words stand in {_plain('; '.join(one.also))}."
            yield ""


def _sources(report: Report) -> Iterator[str]:
    cited = [one for one in report.sources if one.cited]
    others = [one for one in report.sources if not one.cited]
    yield "## Sources read"
    yield ""
    yield f"{_counted(len(report.sources), 'source')} read, {len(cited):,} of them quoted."
    yield ""
    yield "| Source | Title | Date | Words | Quoted | Archived text |"
    yield "|:--|:--|:--|--:|:--|:--|"
    for source in (*cited, *others)[:_MOST_LISTED]:
        title = _plain(source.title) if source.title != source.name else ""
        cut = " (the beginning)" if source.cut else ""
        numbers = " ".join(f"[{number}]" for number in source.cited)
        yield (
            f"| {_plain(source.name)} | {title} | {source.date} | {source.words:,}{cut} | {numbers}"
            f" | {f'`{source.archive}`' if source.archive else ''} |"
        )
    yield ""
    if len(report.sources) > _MOST_LISTED:
        yield f"{len(report.sources) - _MOST_LISTED:,} more are listed in `report.json`."
        yield ""


def _unread(report: Report) -> Iterator[str]:
    partly = [one for one in report.sources if one.unread_pages or one.notes]
    if not (report.unread or report.left_out or partly):
        return
    yield "## Not read"
    yield ""
    for unread in report.unread[:_MOST_UNREAD]:
        yield f"- {_plain(unread.source)}: {_plain(unread.reason)}"
    for source in partly[:_MOST_UNREAD]:
        yield f"- {_plain(source.name)}: {'; '.join(unread_of(source.unread_pages, source.notes))}"
    if report.left_out:
        yield (
            f"- {_counted(report.left_out, 'more source')}: beyond what this depth reads;"
            " a greater depth or fewer sources reach them."
        )
    yield ""


def unread_of(pages: tuple[int, ...], notes: tuple[str, ...]) -> list[str]:
    """Return what of a source was not read, in words."""
    said = [_plain(note) for note in notes]
    if pages:
        listed = ", ".join(map(str, pages[:20])) + (", …" if len(pages) > 20 else "")
        said.insert(0, f"no text on page{'s' if len(pages) > 1 else ''} {listed}")
    return said


def _method(report: Report) -> Iterator[str]:
    yield "## How this was made"
    yield ""
    if report.way == "model":
        yield (
            "- A model wrote the sentences of the answer; each was kept only if its quotations bear"
            " it out."
        )
    else:
        yield "- The answer is quotations alone: nothing was written in words of its own."
    yield (
        "- Every quotation was checked word for word against the archived text of its source, at"
        " the place that `report.json` names. What the sources say was not checked against the"
        " world."
    )


def _links(numbers: tuple[int, ...]) -> str:
    return " ".join(f"[[{number}]](#citation-{number})" for number in numbers)


def _address(one: ReportedCitation) -> str:
    return f"<{one.address}>" if "://" in one.address else f"`{one.source}`"


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
