"""Finding what is to be taken out: words, names, patterns and kinds of data."""

import bisect
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import regex

from perdure.agents import InputError
from perdure_document.facts import Fact
from perdure_document.recognition.codes import find_cards, find_emails, find_ibans, find_phones
from perdure_document.recognition.dates import find_dates
from perdure_document.redaction.view import View, markup_view, normal, plain_view

_PATTERN_SECONDS: Final = 20.0
# Parts of names that are no names by themselves.
_PARTICLE_WORDS: Final = (
    "von van de der den del della di da dos das du la le el al bin ibn zu zur ten ter and "
    "und et y mr mrs ms miss dr prof sir herr frau mme m inc ltd llc plc gmbh ag kg sa sarl "
    "srl bv nv co company corp the"
)
_PARTICLES: Final = frozenset(_PARTICLE_WORDS.split())
# Scripts that are written without blanks have no edges of words.
_UNSPACED: Final = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
)
_LETTER: Final = r"[\p{L}\p{M}]"


class Terms(Fact):
    """What is to be taken out, as the parameters name it."""

    words: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


class Found(NamedTuple):
    """A place in a text that is to be taken out.

    Attributes:
        start: Its first character.
        end: The character after its last one.
        what: What it is: ``word``, ``name``, ``pattern``, or a kind of data.
    """

    start: int
    end: int
    what: str


class Finder:
    """Finds terms in texts, however their characters are written.

    Attributes:
        matched: What was found so far, as it was written.
    """

    def __init__(self, terms: Terms) -> None:
        """Prepare the search.

        Args:
            terms: What is to be found.
        """
        self.matched: set[str] = set()
        self._terms = _alternatives(terms.words)
        self._names = _alternatives([part for name in terms.names for part in _name_parts(name)])
        self._patterns = [(text, regex.compile(text)) for text in terms.patterns]
        self._kinds = [(kind, _KINDS[kind]) for kind in terms.kinds]

    def find(self, text: str, *, markup: bool = False, kinds: bool = True) -> list[Found]:
        """Return what is to be taken out of a text, in order; none overlaps another.

        Args:
            text: The text.
            markup: Whether it is Markdown: then what a reader sees is searched too.
            kinds: Whether to look for kinds of data, or only for words, names and patterns.

        Raises:
            InputError: A pattern takes too long.
        """
        found = list(self._in_patterns(text, lambda start, end: (start, end)))
        views = [plain_view(text)] + ([markup_view(text)] if markup else [])
        for view in views:
            found += self._in_view(view, kinds=kinds)
        merged = _merged(found)
        self.matched.update(text[one.start : one.end] for one in merged)
        return merged

    def _in_view(self, view: View, *, kinds: bool) -> Iterator[Found]:
        for what, compiled in (("word", self._terms), ("name", self._names)):
            for match in compiled.finditer(view.text) if compiled else ():
                yield Found(*view.source(*match.span()), what)
        yield from self._in_patterns(view.text, view.source)
        for kind, recognise in self._kinds if kinds else ():
            for start, end in recognise(view.text):
                yield Found(*view.source(start, end), kind)

    def _in_patterns(
        self, text: str, source: Callable[[int, int], tuple[int, int]]
    ) -> Iterator[Found]:
        for pattern, compiled in self._patterns:
            try:
                for match in compiled.finditer(text, timeout=_PATTERN_SECONDS):
                    if match.end() > match.start():
                        yield Found(*source(*match.span()), "pattern")
            except TimeoutError as error:
                raise InputError(
                    f"patterns holds {pattern!r}, which takes more than {_PATTERN_SECONDS:g} s on"
                    " a text: write it without repeats of repeats"
                ) from error


def _alternatives(terms: Iterable[str]) -> "regex.Pattern[str] | None":
    """Return one expression for whole words and phrases, the longest first."""
    seen = {normal(term).strip(): None for term in terms}
    written = [_whole_words(term) for term in sorted(seen, key=len, reverse=True) if term]
    return regex.compile("|".join(written), regex.IGNORECASE) if written else None


def _whole_words(term: str) -> str:
    body = r"\s+".join(regex.escape(part) for part in term.split())
    return _edge(term[0], before=True) + body + _edge(term[-1], before=False)


def _edge(character: str, *, before: bool) -> str:
    if _UNSPACED.match(character):
        return ""
    # A letter begins no word behind a letter, but may behind a figure: rita2024.
    same = _LETTER if character.isalpha() else r"\d" if character.isdigit() else ""
    return same and (f"(?<!{same})" if before else f"(?!{same})")


def _name_parts(name: str) -> Iterator[str]:
    yield name
    for part in regex.split(r"[\s,;]+", name):
        bare = part.strip(".()\"'")
        if len(bare) > 1 and bare.casefold() not in _PARTICLES:
            yield bare


def _merged(found: Iterable[Found]) -> list[Found]:
    merged: list[Found] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if merged and one.start < merged[-1].end:
            last = merged[-1]
            merged[-1] = Found(last.start, max(last.end, one.end), last.what)
        else:
            merged.append(one)
    return merged


def _by_line(
    recognise: Callable[[str], Iterable[tuple[int, int]]],
) -> Callable[[str], Iterator[tuple[int, int]]]:
    """Look line by line: figures of two cells or paragraphs make no number together."""

    def recognise_lines(text: str) -> Iterator[tuple[int, int]]:
        start = 0
        for line in text.splitlines(keepends=True):
            for first, end in recognise(line):
                yield start + first, start + end
            start += len(line)

    return recognise_lines


_KINDS: Final[dict[str, Callable[[str], Iterator[tuple[int, int]]]]] = {
    "email": _by_line(lambda text: [one[:2] for one in find_emails(text)]),
    "phone": _by_line(lambda text: [one[:2] for one in find_phones(text)]),
    "iban": _by_line(lambda text: [one[:2] for one in find_ibans(text)]),
    "credit-card": _by_line(lambda text: [one[:2] for one in find_cards(text)]),
    "date": _by_line(lambda text: [one[:2] for one in find_dates(text, partial=True)]),
}


class Pieces:
    """Texts that stand apart in a file and are read as one."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._starts: list[int] = []
        self._length = 0

    def add(self, text: str) -> None:
        """Add the next piece."""
        self._starts.append(self._length)
        self._texts.append(text)
        self._length += len(text)

    @property
    def text(self) -> str:
        """All pieces, one behind the other."""
        return "".join(self._texts)

    def replaced(self, found: Iterable[Found], fill: str) -> dict[int, str]:
        """Return the pieces that differ once what was found is replaced, by their number.

        What lies in several pieces leaves ``fill`` in the first of them.
        """
        changed: dict[int, list[tuple[int, int, str]]] = {}
        for one in found:
            number = bisect.bisect_right(self._starts, one.start) - 1
            text = fill
            while number < len(self._texts) and self._starts[number] < one.end:
                start = max(one.start - self._starts[number], 0)
                end = min(one.end - self._starts[number], len(self._texts[number]))
                if end > start:
                    changed.setdefault(number, []).append((start, end, text))
                    text = ""
                number += 1
        return {number: _replace(self._texts[number], cuts) for number, cuts in changed.items()}


def replace(text: str, found: Iterable[Found], fill: str) -> str:
    """Return a text in which what was found is replaced."""
    return _replace(text, [(one.start, one.end, fill) for one in found])


def _replace(text: str, cuts: Iterable[tuple[int, int, str]]) -> str:
    kept, last = [], 0
    for start, end, fill in cuts:
        kept += [text[last:start], fill]
        last = end
    return "".join([*kept, text[last:]])
