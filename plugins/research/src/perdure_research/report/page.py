"""The report as one web page that needs no other file."""

import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from perdure_research.answers.quoting import in_words
from perdure_research.report.markdown import unread_of
from perdure_research.report.outcome import (
    Contradiction,
    Report,
    ReportedCitation,
    ReportedClaim,
    ReportedSource,
)

_MOST_LISTED: Final = 300
# A line's end within a paragraph: the next line is no item, row or quotation.
_FOLD: Final = re.compile(r"(?<!\n)\n(?=[^\n\s\-*+|>#\d\[])(?![A-Z][^\n.]{0,25}: )")
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
:root { color-scheme: light dark; --ground: #f6f7f6; --surface: #fff; --sunken: #eef0ee;
  --line: #dfe3e0; --ink: #16201b; --ink-2: #4c5a53; --ink-3: #5f6c65; --accent: #0f6b52;
  --accent-soft: #e2f1eb; --warn: #8a5a00; --warn-soft: #fbf0d9; --off-soft: #eceeed; }
@media (prefers-color-scheme: dark) { :root { --ground: #0f1412; --surface: #161d1a;
  --sunken: #111715; --line: #26302b; --ink: #e8eeea; --ink-2: #a9b6af; --ink-3: #8b9991;
  --accent: #4cc39b; --accent-soft: #14312a; --warn: #f0bf62; --warn-soft: #33270f;
  --off-soft: #222a26; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); overflow-wrap: anywhere;
  font: 15px/24px Inter, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  font-feature-settings: "tnum"; }
main { max-width: 800px; margin: 0 auto; padding: 32px 16px 64px; }
h1 { font-size: 24px; line-height: 32px; margin: 8px 0 16px; font-weight: 650; text-wrap: balance; }
h2 { font-size: 16px; line-height: 24px; margin: 32px 0 8px; font-weight: 600; }
h3 { font-size: 14px; margin: 16px 0 4px; color: var(--ink-2); font-weight: 600; }
a { color: var(--accent); } a:focus-visible { outline: 2px solid var(--accent); }
.status { display: inline-block; border-radius: 10px; padding: 0 10px; font-size: 12px;
  line-height: 20px; font-weight: 600; background: var(--accent-soft); color: var(--accent); }
.status.contradicting { background: var(--warn-soft); color: var(--warn); }
.status.not-said { background: var(--off-soft); color: var(--ink-2); }
.answer { background: var(--surface); border: 1px solid var(--line); border-radius: 8px;
  padding: 16px 24px; }
.answer p { margin: 8px 0; max-width: 68ch; }
.answer p.first { font-size: 18px; line-height: 28px; }
sup { line-height: 0; } sup a { text-decoration: none; font-weight: 600; padding: 0 2px; }
.sides { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(240px, 1fr)); }
.side { background: var(--surface); border: 1px solid var(--line); border-radius: 8px;
  border-top: 3px solid var(--warn); padding: 12px 16px; }
.side p { margin: 0 0 8px; } .faint { color: var(--ink-3); font-size: 13px; line-height: 20px; }
ol.citations { list-style: none; padding: 0; margin: 0; }
ol.citations > li { border-top: 1px solid var(--line); padding: 12px 0; scroll-margin-top: 16px; }
ol.citations > li:target { background: var(--accent-soft); }
blockquote { margin: 8px 0 0; padding: 4px 16px; border-left: 3px solid var(--line);
  white-space: pre-line; color: var(--ink-3); }
mark { background: var(--accent-soft); color: var(--ink); padding: 1px 0; }
.table { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: start; padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line);
  vertical-align: top; line-height: 20px; } th { color: var(--ink-3); font-weight: 500; }
td.number, th.number { text-align: end; white-space: nowrap; }
details { margin-top: 8px; } summary { cursor: pointer; color: var(--ink-2); }
ul { padding-inline-start: 20px; }
"""
_STATUS: Final = {
    "answered": "Answered from the sources",
    "contradicting": "The sources contradict each other",
    "not-said": "The sources do not say",
}


def write_page(report: Report) -> str:
    """Return the report as a web page: no scripts, and nothing is fetched."""
    question = " ".join(report.question.split())
    parts = (
        f'<p class="status {report.status}">{_STATUS[report.status]}</p>',
        f'<h1 dir="auto">{escape(question)}</h1>',
        *_answer(report),
        *_contradictions(report.contradictions),
        *_support(report.claims),
        *_not_found(report),
        *_citations(report.citations),
        *_sources(report.sources),
        *_unread(report),
        *_method(report),
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Whatever a source brings, the page loads nothing and runs nothing.
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{escape(question[:120])}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _answer(report: Report) -> Iterator[str]:
    if report.contradictions and not report.undisputed:
        return
    yield '<div class="answer">'
    if report.status == "not-said":
        for number, sentence in enumerate(report.not_found):
            yield f'<p dir="auto"{_first(number)}>{escape(sentence)}</p>'
    part = ""
    for number, claim in enumerate(report.undisputed):
        if claim.question != part:
            part = claim.question
            yield f'<h3 dir="auto">{escape(part)}</h3>'
        yield f'<p dir="auto"{_first(number)}>{escape(claim.text)}{_links(claim.citations)}</p>'
    yield "</div>"


def _first(number: int) -> str:
    return "" if number else ' class="first"'


def _contradictions(contradictions: Iterable[Contradiction]) -> Iterator[str]:
    for one in contradictions:
        yield '<div class="sides">'
        for side in one.sides:
            sources = escape(", ".join(side.sources))
            date = escape(side.date) if side.date else "date unknown"
            yield (
                f'<div class="side"><p dir="auto">{escape(side.text)}{_links(side.citations)}</p>'
                f'<div class="faint">{sources}<br>{date}</div></div>'
            )
        yield "</div>"


def _support(claims: Iterable[ReportedClaim]) -> Iterator[str]:
    support = [claim for claim in claims if claim.role == "support"]
    if support:
        yield "<h2>Also</h2>"
        yield "<ul>"
        for claim in support:
            yield f'<li dir="auto">{escape(claim.text)}{_links(claim.citations)}</li>'
        yield "</ul>"


def _not_found(report: Report) -> Iterator[str]:
    if report.not_found and report.status != "not-said":
        yield "<h2>Looked for and not found</h2>"
        yield "<ul>"
        yield from (f'<li dir="auto">{escape(one)}</li>' for one in report.not_found)
        yield "</ul>"
    if report.nearest:
        yield "<h2>What comes nearest, and is no answer</h2>"
        yield "<ul>"
        for one in report.nearest:
            where = escape(f"{one.title}, {one.place}")
            yield (
                f'<li dir="auto">{escape(in_words(one.quote))}'
                f' <span class="faint">{where}</span></li>'
            )
        yield "</ul>"


def _citations(citations: Iterable[ReportedCitation]) -> Iterator[str]:
    cited = list(citations)
    if not cited:
        return
    yield "<h2>Quotations</h2>"
    yield '<ol class="citations">'
    for one in cited:
        date = f" · {escape(one.date)}" if one.date else ""
        place = f" · {escape(one.place)}" if one.place != "text" else ""
        yield (
            f'<li id="citation-{one.number}"><strong>[{one.number}]</strong>'
            f' <span dir="auto">{escape(one.title)}</span>'
            f'<div class="faint">{_address(one)}{place}{date} · characters'
            f" {one.start:,} to {one.end:,}</div>"
        )
        columns = f"{' | '.join(one.columns)}\n" if one.columns else ""
        yield (
            f'<blockquote dir="auto">{escape(columns)}{_lead(one.before)}'
            f"<mark>{escape(_unfolded(one.quote))}</mark>{_trail(one.after)}</blockquote>"
        )
        if one.also:
            also = escape("; ".join(one.also))
            yield f'<div class="faint">The same words stand in {also}.</div>'
        yield "</li>"
    yield "</ol>"


def _lead(before: str) -> str:
    return escape(_unfolded(before.rpartition("\n\n")[2].lstrip()))


def _trail(after: str) -> str:
    return escape(_unfolded(after.partition("\n\n")[0].rstrip()))


def _unfolded(text: str) -> str:
    """Return a text with the lines of a paragraph in one; items and rows keep theirs."""
    return _FOLD.sub(" ", text)


def _sources(sources: Iterable[ReportedSource]) -> Iterator[str]:
    known = list(sources)
    cited = [one for one in known if one.cited]
    others = [one for one in known if not one.cited]
    yield "<h2>Sources</h2>"
    plural = "" if len(known) == 1 else "s"
    yield f"<p>{len(known):,} source{plural} read, {len(cited):,} quoted.</p>"
    if cited:
        yield from _table(cited)
    if others:
        yield f"<details><summary>{len(others):,} that are not quoted</summary>"
        yield from _table(others[:_MOST_LISTED])
        if len(others) > _MOST_LISTED:
            yield f"<p>{len(others) - _MOST_LISTED:,} more are in report.json.</p>"
        yield "</details>"


def _table(sources: Iterable[ReportedSource]) -> Iterator[str]:
    yield '<div class="table"><table>'
    yield (
        '<tr><th>Source</th><th>Date</th><th class="number">Words</th><th>Quoted</th>'
        "<th>Archived text</th></tr>"
    )
    for one in sources:
        title = f'<span dir="auto">{escape(one.title)}</span>'
        name = f'<br><span class="faint">{escape(one.name)}</span>' if one.title != one.name else ""
        archived = (
            f'<a href="{escape(one.archive)}">text</a>'
            if one.archive.endswith(".txt") and one.archive.startswith("sources/")
            else escape(one.archive)
        )
        yield (
            f"<tr><td>{title}{name}</td><td>{escape(one.date)}</td>"
            f'<td class="number">{one.words:,}</td><td>{_links(one.cited)}</td>'
            f"<td>{archived}</td></tr>"
        )
    yield "</table></div>"


def _unread(report: Report) -> Iterator[str]:
    partly = [one for one in report.sources if one.unread_pages or one.notes]
    if not (report.unread or report.left_out or partly):
        return
    yield "<h2>Not read</h2>"
    yield "<ul>"
    for unread in report.unread[:_MOST_LISTED]:
        yield f"<li>{escape(unread.source)}: {escape(unread.reason)}</li>"
    for one in partly[:_MOST_LISTED]:
        said = "; ".join(unread_of(one.unread_pages, one.notes))
        yield f"<li>{escape(one.name)}: {escape(said)}</li>"
    if report.left_out:
        yield f"<li>{report.left_out:,} more, beyond what this depth reads</li>"
    yield "</ul>"


def _method(report: Report) -> Iterator[str]:
    wrote = (
        "A model wrote the sentences of the answer; each was kept only if its quotations bear it"
        " out."
        if report.way == "model"
        else "The answer is quotations alone."
    )
    yield (
        f'<p class="faint">{wrote} Every quotation was checked word for word against the archived'
        " text of its source. What the sources say was not checked against the world.</p>"
    )


def _links(numbers: Iterable[int]) -> str:
    return "".join(f'<sup><a href="#citation-{number}">[{number}]</a></sup>' for number in numbers)


def _address(one: ReportedCitation) -> str:
    if one.address.startswith(("http://", "https://")):
        return f'<a href="{escape(one.address)}">{escape(one.address)}</a>'
    return escape(one.source)
