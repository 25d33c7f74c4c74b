"""Whether a document bears out the sentences that a model writes about it."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from perdure_document.facts import Document, Fact, Place
from perdure_document.fields.evidence import LONGEST_QUOTE, EvidenceCheck
from perdure_document.fields.quotes import flat
from perdure_document.fields.yes_and_no import denies
from perdure_document.summary.common_words import COMMON, word_set
from perdure_document.words import count_words, terms_of

_LONGEST: Final = 400
_SHORTEST_QUOTE: Final = 3  # words
_MOST_QUOTES: Final = 5
_SUPPORTED_SHARE: Final = 0.6
# A figure belongs to what its quote says it of.
_SUPPORTED_SHARE_OF_FIGURES: Final = 0.8
_STEM: Final = 5
_NUMBER: Final = re.compile(r"[-+\u2212]?\d+(?:[.,:/\u2019'\u00a0\u202f-]\d+)*\s?%?")
_SPELLED: Final = word_set(
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred"
    " thousand million billion dozen half twice double doubled triple tripled third quarter zero"
    " none zwei drei vier fünf sechs sieben acht neun zehn elf zwölf hundert tausend million"
    " milliarde halb doppelt deux trois quatre cinq sept huit neuf dix cent mille moitié"
)
# What turns a statement round if it stands in the sentence and not in its quotes.
_DIRECTIONS: Final = (
    word_set(
        "rise rises rose risen increase increases increased grew grow grows growth up higher more"
        " gain gained above exceed exceeds exceeded"
    ),
    word_set(
        "fall falls fell fallen decrease decreases decreased decline declined drop dropped shrank"
        " down lower less loss lost below"
    ),
)
_NAME: Final = re.compile(r"(?<![.!?:]\s)(?<!^)(?<![\w])[A-Z\u00c0-\u00de][\w'\u2019-]*")
_OPENINGS: Final = word_set(
    "according among although because both despite during however overall since together though"
    " under while within"
)
_ADDRESS: Final = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+", re.IGNORECASE)


class Statement(Fact):
    """A sentence about a document, and the words of it that are said to bear it out."""

    text: str
    quotes: tuple[str, ...]


class Quote(Fact):
    """Words of the document, and where they stand."""

    text: str
    place: Place


class SupportedSentence(Fact):
    """A sentence that the document bears out, with the words that do."""

    text: str
    quotes: tuple[Quote, ...]


class SupportedSummary(Fact):
    """A model's summary after it was checked.

    Attributes:
        sentences: The sentences that the document bears out, in the model's order.
        refused: Why others are left out, each a sentence.
    """

    sentences: tuple[SupportedSentence, ...]
    refused: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The sentences in a row."""
        return " ".join(one.text for one in self.sentences)


def check_summary(document: Document, statements: Sequence[Statement]) -> SupportedSummary:
    """Keep the sentences of a summary that their quotes bear out.

    Args:
        document: The document.
        statements: The sentences with their quotes.
    """
    check = EvidenceCheck(document)
    kept: list[SupportedSentence] = []
    refused: list[str] = []
    for statement in statements:
        if any(flat(statement.text) == flat(one.text) for one in kept):
            continue
        why = next(_troubles(check, document, statement), "")
        if why:
            refused.append(f"{statement.text[:80]!r} is left out: {why}.")
            continue
        quotes = tuple(
            Quote(text=" ".join(one.split()), place=check.first_line(one).place)
            for one in statement.quotes
        )
        kept.append(SupportedSentence(text=statement.text, quotes=quotes))
    return SupportedSummary(sentences=tuple(kept), refused=tuple(refused))


def _troubles(check: EvidenceCheck, document: Document, statement: Statement) -> Iterator[str]:
    """Yield what speaks against a sentence, the plainest first."""
    text, quotes = statement.text, statement.quotes
    if not text or len(text) > _LONGEST:
        yield f"it is not one of up to {_LONGEST} characters"
    if not quotes or len(quotes) > _MOST_QUOTES:
        yield "it has no quote" if not quotes else f"it has more than {_MOST_QUOTES} quotes"
    for quote in quotes:
        if not check.has(quote):
            yield f"its quote {quote[:80]!r} is not in the file"
        if count_words(quote) < _SHORTEST_QUOTE or len(quote) > LONGEST_QUOTE:
            yield f"its quote {quote[:80]!r} is too short or too long to say it"
    said = " \n ".join(quotes)
    for address in _ADDRESS.findall(text):
        if address.strip(".,;)").casefold() not in said.casefold():
            yield f"{address!r} is not in its quotes"
    if numbers := _numbers(text) - _numbers(said):
        yield f"{min(numbers)!r} is not in its quotes"
    known = flat(f"{said} {document.title}")
    for name in [*_NAME.findall(text), *_opening_name(document, text)]:
        if flat(name.removesuffix("'s").removesuffix("\u2019s")) not in known:
            yield f"{name!r} is not in its quotes"
    if denies(text) != denies(said):
        yield "it says no where its quotes do not, or the other way round"
    yield from _direction_troubles(text, said)
    terms = {word for word in terms_of(text) if word not in COMMON}
    supported = {word for word in terms if _is_in(word, known)}
    share = _SUPPORTED_SHARE_OF_FIGURES if _numbers(text) else _SUPPORTED_SHARE
    if len(supported) < share * len(terms) or not terms:
        yield "its quotes say something else"


def _opening_name(document: Document, text: str) -> list[str]:
    """Return the first word of a sentence if it may be a name: the file has it nowhere in small."""
    first = re.search(r"[^\W\d_][\w'\u2019-]*", text)
    if first is None or first[0].casefold() in COMMON | _OPENINGS or not first[0][0].isupper():
        return []
    small = re.compile(rf"(?<!\w){re.escape(first[0].casefold())}(?!\w)")
    for block in document.blocks:
        if small.search(block.text) or any(
            small.search(cell) for row in block.rows for cell in row
        ):
            return []
    return [first[0]]


def _numbers(text: str) -> set[str]:
    """Return the numbers of a text as they are written, those in words too."""
    written = {
        re.sub(r"\s", "", match[0].replace("\u2212", "-")).lstrip("+")
        for match in _NUMBER.finditer(text)
    }
    return written | ({word.casefold() for word in re.findall(r"[^\W\d_]+", text)} & _SPELLED)


def _direction_troubles(text: str, said: str) -> Iterator[str]:
    in_text, in_quotes = _directions(text), _directions(said)
    if in_text and in_quotes and not in_text & in_quotes:
        yield "it says that something rises which its quotes say falls, or the other way round"


def _directions(text: str) -> set[int]:
    words = set(re.findall(r"[^\W\d_]+", text.casefold()))
    return {number for number, group in enumerate(_DIRECTIONS) if words & group}


def _is_in(word: str, known: str) -> bool:
    """Say whether a word, or its stem, begins a word of a text."""
    stem = word if len(word) <= _STEM else word[: max(_STEM, len(word) - 3)]
    return re.search(rf"(?<![^\W_]){re.escape(stem)}", known) is not None or (
        not word.isascii() and word in known
    )
