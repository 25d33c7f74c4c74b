# ruff: noqa: RUF001 -- letters and marks of many scripts are meant here
"""What a source states: sentences, list items, rows and lists, each with what it stands under."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePath
from typing import Final, Literal

from perdure_research.answers.language.tokens import Token, is_unspaced, plain, tokens_of
from perdure_research.answers.sentences import sentence_spans
from perdure_research.sources.source import Block, Source, SourceText

Shape = Literal["sentence", "item", "row", "record", "list", "code"]

_MOST_BEFORE: Final = 6
_MOST_EARLIER: Final = 12
_LONGEST_LIST: Final = 1500
_OPENING: Final = 7
_MOST_BESIDE: Final = 20_000
_RECORD: Final = re.compile(r"^[^\s:：][^:：\n]{0,40}[:：]\s*\S")
_DATED: Final = re.compile(r"\b(?:19|20)\d\d\b")
_BARE_ANSWER: Final = re.compile(r"\W*(?:yes|no|ja|nein|oui|non|sí|да|нет)[.!]\W*", re.IGNORECASE)
# A heading that a paragraph begins with: "**Side effects.** Tingling is common."
_RUN_IN: Final = re.compile(r"\*\*([^*\n]{2,60}?)\*\*\W?\s")
_LINE: Final = re.compile(r"[^\n]+")
_ROW_CELL: Final = re.compile(r"\s*[|\t]\s*")
_QUESTION: Final = re.compile(
    r"[?？][\"'”’»)\]*_]*\s*$"
    # "She asked who pays for it."
    r"|\b(?:asks?|asked|wondered|wonders|inquired|wanted to know"
    r"|fragt|fragte|demande|demanda|preguntó)\s+"
    r"(?:(?:him|her|them|us|the \w+)\s+)?(?:who|what|when|where|why|how|which|whether|if|wer|was"
    r"|wann|wo|warum|wie|ob|qui|quand|si|quién|cuándo)\b[^.!?]*\.?\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class Statement:
    """Something that a source states.

    Attributes:
        source: The source.
        shape: What it is.
        start: Where it begins in the source's archived text.
        end: Where it ends.
        text: What stands there.
        heading: The headings it stands under, outermost first.
        columns: Of a row, the names of its columns.
        before: The sentences before it in its paragraph, nearest first.
        earlier: The sentences of earlier paragraphs under the same heading, nearest first.
        lead: What the list or table it is in is introduced with, and where that begins.
        subject: What its source is about: its title, its name, its first sentence.
        line: The line it begins in.
        page: The page.
        is_change: Whether it stands in a list of changes between versions.
        position: Which of the statements of its block it is, from 0.
        block_text: The text of its block.
        block_start: Where that begins in the source's archived text.
        beside: Of a row, what the other rows of its table are called.
    """

    source: Source
    shape: Shape
    start: int
    end: int
    text: str
    heading: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    before: tuple["Statement", ...] = ()
    earlier: tuple["Statement", ...] = ()
    lead: "Statement | None" = None
    subject: str = ""
    line: int | None = None
    page: int | None = None
    is_change: bool = False
    position: int = 0
    block_text: str = ""
    block_start: int = 0
    beside: str = ""

    @cached_property
    def words(self) -> str:
        """The text in plain form, a row's with the names of its columns."""
        return plain(self.text)

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens of the text."""
        return tokens_of(self.words)

    @cached_property
    def cells(self) -> tuple[str, ...]:
        """The cells of a row."""
        return tuple(cell.strip(" *_`") for cell in _ROW_CELL.split(self.text.strip().strip("|\t")))

    @cached_property
    def around(self) -> str:
        """The names of the columns and the innermost heading, in plain form."""
        return plain(" . ".join((*self.columns, *self.heading[-1:])))

    @property
    def asks(self) -> bool:
        """Whether it is a question itself."""
        return _QUESTION.search(self.text) is not None


def statements_of(
    source: Source, text: SourceText, wanted: Iterable[int] | None = None
) -> Iterator[Statement]:
    """Yield what a source states, in order.

    Args:
        source: The source.
        text: Its archived text.
        wanted: The numbers of the blocks whose statements are wanted; all where ``None``.
    """
    chosen = None if wanted is None else set(wanted)
    subject = _subject(source, text)
    lead: Statement | None = None
    last: list[Statement] = []
    beside = _beside(text)
    changes = source.kind == "changelog" or _names_changes(source)
    records: list[Statement] = []
    section: list[Statement] = []
    heading: tuple[str, ...] = ()
    for number, block in enumerate(text.blocks):
        if (
            block.form == "heading"
            and _is_version((text.of(block),))
            and _DATED.search(text.of(block))
        ):
            yield _release(source, text, block, subject)
        if block.form == "heading" or _is_title(text.of(block), block) or _is_header(text, number):
            if block.form != "row":
                lead, last = None, []
            continue
        is_change = changes or _is_version(block.heading)
        if block.form in {"paragraph", "code"}:
            lead = None
        if chosen is not None and number not in chosen and number + 1 not in chosen:
            # The block after it may need it: a list its introduction, a pronoun its noun.
            last = []
            continue
        if heading != block.heading:
            heading, section = block.heading, []
        is_record = block.form == "item" and _RECORD.match(text.of(block)) is not None
        follows = bool(records) and text.text[records[-1].end : block.start] == "\n"
        records = records if is_record and follows else []
        made = list(_of_block(source, text, block, subject, is_change, lead, records or last))
        made = _after(section, block, made)
        if block.form == "row":
            made = [replace(one, beside=beside[number]) for one in made]
        if chosen is None or number in chosen:
            yield from made
        if is_record:
            records = [*records, *made]
        if made and block.form == "paragraph":
            last = [one for one in made if one.shape != "list"]
            lead, section = last[-1], [*section, *last]
        elif made and block.form == "item" and not is_record:
            last = made
    yield from _lists(source, text, subject, changes, chosen)


def _after(
    section: Sequence[Statement], block: Block, made: Sequence[Statement]
) -> list[Statement]:
    """Return the statements of a block with the earlier ones under the same heading."""
    if block.form not in {"paragraph", "item"}:
        return list(made)
    return [replace(one, earlier=tuple(reversed(section[-_MOST_EARLIER:]))) for one in made]


def _release(source: Source, text: SourceText, block: Block, subject: str) -> Statement:
    """Return what the heading of a version states: when it was released."""
    return Statement(
        source=source,
        shape="record",
        start=block.start,
        end=block.end,
        text=text.of(block),
        columns=("version", "released"),
        subject=subject,
        line=block.line,
        is_change=True,
    )


def _beside(text: SourceText) -> dict[int, str]:
    """Return what the rows of each row's table are called, by the number of the row's block."""
    found: dict[int, str] = {}
    run: list[int] = []
    for number, block in enumerate((*text.blocks, None)):
        if block is not None and block.form == "row":
            run.append(number)
            continue
        cells = [_ROW_CELL.split(text.of(text.blocks[at]).strip().strip("|\t"))[0] for at in run]
        found.update(dict.fromkeys(run, plain(" . ".join(cells)[:_MOST_BESIDE])))
        run = []
    return found


def _subject(source: Source, text: SourceText) -> str:
    blocks = [
        block
        for block in text.blocks
        if block.form != "heading" and not _is_title(text.of(block), block)
    ]
    first = text.of(blocks[0]) if blocks and blocks[0].form == "paragraph" else ""
    begin = next(iter(sentence_spans(first)), (0, 0))
    name = re.sub(r"[-_]+", " ", PurePath(source.name).stem) if "://" not in source.name else ""
    folder = re.sub(r"[-_]+", " ", PurePath(source.name).parent.name) if name else ""
    opening = _opening(first[begin[0] : begin[1]])
    return plain(" . ".join((source.title, source.site, name, folder, opening)))


def _opening(sentence: str) -> str:
    """Return what a sentence begins with: what it is about, and little of what it says of it."""
    words = plain(sentence)
    if is_unspaced(words):
        return re.split("[，、；：。]", words)[0]
    tokens = tokens_of(words)[:_OPENING]
    return re.split(r"[,;:(]\s", words[: tokens[-1].end])[0] if tokens else ""


def _names_changes(source: Source) -> bool:
    stem = PurePath(source.name).stem
    # A page called "news" is none, the file NEWS of a program is.
    return stem in {"NEWS", "HISTORY"} or stem.lower().startswith(
        ("changelog", "changes", "releases", "release-notes", "release_notes")
    )


def _is_version(heading: Sequence[str]) -> bool:
    return any(
        re.match(r"(version |release )?\[?v?\d+\.\d+(\.\d+)?\b", one.lower()) for one in heading
    )


def _is_title(text: str, block: Block) -> bool:
    return block.form == "paragraph" and bool(block.heading) and text.strip() == block.heading[-1]


def _is_header(text: SourceText, number: int) -> bool:
    """Say whether a row holds the names of its own columns, or of those of the row behind it."""
    block = text.blocks[number]
    if block.form != "row":
        return False
    following = text.blocks[number + 1] if number + 1 < len(text.blocks) else block
    cells = [cell.strip() for cell in _ROW_CELL.split(text.of(block).strip().strip("|\t"))]
    return any(cells == [name.strip() for name in one.columns] for one in (block, following))


def _of_block(
    source: Source,
    text: SourceText,
    block: Block,
    subject: str,
    is_change: bool,
    lead: Statement | None,
    last: Sequence[Statement],
) -> Iterator[Statement]:
    body = text.of(block)
    shape, spans = _spans(body, block)
    made: list[Statement] = []
    # A paragraph's first sentence may lean on the paragraph before it, a record on its first line.
    earlier = tuple(reversed(last))[:1] if block.form == "paragraph" else ()
    begins = block.start
    if last and last[0].shape == "record" and block.form == "item":
        earlier, begins = tuple(reversed(last)), last[0].start
    run_in = _RUN_IN.match(body) if block.form == "paragraph" else None
    heading = block.heading
    if run_in and len(spans) > 1:
        heading = (*heading[:-1], " . ".join((*heading[-1:], run_in[1].strip(" .:"))))
        spans = [span for span in spans if span[1] > run_in.end()]
    for begin, end in spans:
        one = Statement(
            source=source,
            shape="record" if block.form == "item" and _RECORD.match(body) else shape,
            start=block.start + begin,
            end=block.start + end,
            text=body[begin:end],
            heading=heading,
            columns=block.columns,
            before=(*reversed(made), *earlier)[:_MOST_BEFORE],
            lead=lead if block.form in {"item", "row"} and _introduces(lead) else None,
            subject=subject,
            line=None if block.line is None else block.line + body.count("\n", 0, begin),
            page=block.page,
            is_change=is_change,
            position=len(made) + (len(last) if begins != block.start else 0),
            block_text=text.text[begins : block.end],
            block_start=begins,
        )
        made.append(one)
        yield one
    if run_in and len(made) > 1 and len(body) <= _LONGEST_LIST:
        begin = made[0].start - block.start
        yield replace(made[0], shape="list", end=block.end, text=body[begin:], before=())


def _introduces(lead: Statement | None) -> bool:
    return lead is not None and lead.text.rstrip().endswith((":", "："))


def _spans(body: str, block: Block) -> tuple[Shape, list[tuple[int, int]]]:
    if block.form == "row":
        return "row", [(0, len(body))]
    if block.form == "code":
        return "code", [match.span() for match in _LINE.finditer(body)]
    lines = [match.span() for match in _LINE.finditer(body)]
    records = [span for span in lines if _RECORD.match(body[slice(*span)])]
    if len(lines) > 1 and len(records) >= 0.6 * len(lines):
        return "record", lines
    return ("item" if block.form == "item" else "sentence"), _whole(body, sentence_spans(body))


def _whole(body: str, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the sentences of a text, a "Yes." or "No." together with what it is about."""
    found: list[tuple[int, int]] = []
    for begin, end in spans:
        if found and _BARE_ANSWER.fullmatch(body[slice(*found[-1])]):
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def _lists(
    source: Source, text: SourceText, subject: str, changes: bool, wanted: set[int] | None
) -> Iterator[Statement]:
    """Yield the lists: from the sentence that introduces each to its last item."""
    run: list[Block] = []
    numbers: set[int] = set()
    before: Block | None = None
    for number, block in enumerate((*text.blocks, None)):
        is_item = block is not None and block.form == "item"
        if block is not None and is_item and (not run or run[0].heading == block.heading):
            run.append(block)
            numbers.add(number)
            continue
        if len(run) > 1 and (wanted is None or wanted & {min(numbers) - 1, *numbers}):
            yield from _list(source, text, run, before, subject, changes)
        run = [block] if block is not None and is_item else []
        numbers = {number} if is_item else set()
        if not run and block is not None:
            before = block


def _list(
    source: Source,
    text: SourceText,
    run: Sequence[Block],
    before: Block | None,
    subject: str,
    changes: bool,
) -> Iterator[Statement]:
    start, end = run[0].start, run[-1].end
    if (
        before is not None
        and before.form == "paragraph"
        and text.of(before).rstrip().endswith((":", "："))
    ):
        start = before.start
        spans = list(sentence_spans(text.of(before)))
        if spans:
            start += spans[-1][0]
    if end - start <= _LONGEST_LIST:
        yield Statement(
            source=source,
            shape="list",
            start=start,
            end=end,
            text=text.text[start:end],
            heading=run[0].heading,
            subject=subject,
            line=run[0].line,
            page=run[0].page,
            is_change=changes or _is_version(run[0].heading),
        )


def is_spaceless(statement: Statement) -> bool:
    """Say whether a statement is in a script without spaces."""
    return is_unspaced(statement.text)
