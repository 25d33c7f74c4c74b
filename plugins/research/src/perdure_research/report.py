"""Writing the answer down: in a sentence or two, and as a report in Markdown."""

import re
from collections.abc import Iterator

from perdure_research.facts import Answer, Citation, Found, Source, Unread

_LINE_BREAK = re.compile(r"[ \t]*\n[ \t>]*")
_MARKS = re.compile(r"\*\*|__|`|(?<!\w)[*_](?=\w)|(?<=[\w.!?])[*_](?!\w)")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


def on_one_line(text: str) -> str:
    """Return a quote without its line breaks."""
    return _LINE_BREAK.sub(" ", text).strip()


def in_words(text: str) -> str:
    """Return a quote on one line and without Markdown's marks, as it is read aloud."""
    return " ".join(_MARKS.sub("", _LINK.sub(r"\1", on_one_line(text))).split())


def summarise(answer: Answer) -> str:
    """Return the answer in a sentence or two: the best quote, and the next if both are short."""
    said = [f"{in_words(one.quote)} [{one.number}]" for one in answer.citations[:2]]
    return " ".join(said) if len(" ".join(said)) <= 420 else said[0]


def whole_answer(answer: Answer) -> str:
    """Return every quote with the number of its citation, best first."""
    return " ".join(f"{on_one_line(one.quote)} [{one.number}]" for one in answer.citations)


def write_report(
    description: str,
    answer: Answer,
    sources: list[Source],
    unread: list[Unread],
    found: Found,
) -> str:
    """Write the report.

    Args:
        description: The question.
        answer: What the sources say to it.
        sources: Those that were read.
        unread: Those that could not be.
        found: What the sources came down to.
    """
    sections = (
        _head(description, answer, sources),
        _citations(answer),
        _sources(answer, sources),
        _unread(unread, found),
        _method(answer),
    )
    return "\n".join(line for section in sections for line in section).rstrip() + "\n"


def _head(description: str, answer: Answer, sources: list[Source]) -> Iterator[str]:
    question = " ".join(description.split())
    yield f"# {question if len(question) <= 120 else question[:119].rstrip() + '…'}"
    yield ""
    cited = len({one.address for one in answer.citations})
    yield (
        f"{_counted(len(answer.citations), 'quotation')} from {cited} of"
        f" {_counted(len(sources), 'source')} read, the best first."
    )
    yield ""
    yield "## Answer"
    yield ""
    for one in answer.citations:
        yield f"- “{on_one_line(one.quote)}” [[{one.number}]](#citation-{one.number})"
    yield ""
    if answer.missing:
        words = ", ".join(f"“{word}”" for word in answer.missing)
        yield f"No source mentions {words}."
        yield ""


def _citations(answer: Answer) -> Iterator[str]:
    yield "## Citations"
    yield ""
    for one in answer.citations:
        named = f"**{_plain(one.title)}** · " if one.title != one.source else ""
        yield (
            f'<a id="citation-{one.number}"></a>[{one.number}] {named}{_link(one)}'
            f" · {_plain(one.place)}"
        )
        yield ""
        yield from (f"> {line}".rstrip() for line in one.quote.split("\n"))
        yield ""


def _sources(answer: Answer, sources: list[Source]) -> Iterator[str]:
    yield "## Sources read"
    yield ""
    yield "| Source | Title | Kind | Words | Cited |"
    yield "|:--|:--|:--|--:|:--|"
    for source in sources:
        numbers = " ".join(
            f"[{one.number}]" for one in answer.citations if one.address == source.location.address
        )
        name = _plain(source.location.name)
        title = _plain(source.title) if source.title != source.location.name else ""
        cut = " (the beginning)" if source.cut else ""
        yield f"| {name} | {title} | {source.kind} | {source.words:,}{cut} | {numbers} |"
    yield ""


def _unread(unread: list[Unread], found: Found) -> Iterator[str]:
    if unread or found.left_out:
        yield "## Not read"
        yield ""
        yield from (f"- {_plain(one.source)}: {_plain(one.reason)}" for one in unread)
        if found.left_out:
            yield (
                f"- {_counted(found.left_out, 'more source')}: beyond what this depth reads;"
                " a greater depth or fewer sources reach them."
            )
        yield ""


def _method(answer: Answer) -> Iterator[str]:
    looked_for = ", ".join(answer.terms[:20]) + (", …" if len(answer.terms) > 20 else "")
    yield "## How this was made"
    yield ""
    yield (
        f"- {answer.sentences:,} sentences were compared with the words of the question"
        f" ({looked_for}) by full-text search; endings of English words do not matter."
    )
    yield (
        "- Every sentence of the answer is quoted word for word. Nothing was added, and nothing was"
        " checked against the world outside the sources."
    )
    yield "- `citations.json` holds the citations in machine-readable form."


def _link(one: Citation) -> str:
    return f"<{one.address}>" if "://" in one.address else f"`{one.source}`"


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
