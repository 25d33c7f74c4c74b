"""The words of a question: split, brought to one form, and compared by their stems."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

_APOSTROPHES: Final = "'\u2018\u2019"
_PIECES: Final = re.compile(
    r"(?<=[?!;])\s+|\n+|(?<=[\w)\"”]{3})(?<!avg)(?<!max)(?<!min)(?<!incl)(?<!excl)(?<!approx)\.\s+"
)
_QUOTED: Final = (
    r"\"[^\"]+\"|“[^”]+”|„[^“”]+[“”]|«[^»]+»|`[^`]+`"
    rf"|(?<![\w])[{_APOSTROPHES}][^{_APOSTROPHES}]+[{_APOSTROPHES}](?!\w)"
)
_WORD: Final = re.compile(
    rf"(?P<quoted>{_QUOTED})"
    r"|\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
    r"|\d+(?:st|nd|rd|th)\b"
    r"|[-+\u2212]?\d+(?:[.,]\d+)*%?(?![^\W\d_])"
    r"|>=|<=|!=|<>|[<>=≥≤%]"
    rf"|[^\W\d_]\w*(?:[{_APOSTROPHES}.][^\W_]+)*[+#]*|\w+"
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_")
_KEPT: Final = frozenset({"his", "this", "gas", "bus", "less", "status", "series", "news", "is"})


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a question.

    Attributes:
        text: As written, without quotes.
        plain: In lower case, without accents.
        quoted: Whether it stood in quotes; it may then hold blanks.
        comma: Whether a comma stood before it.
    """

    text: str
    plain: str
    quoted: bool = False
    comma: bool = False

    @property
    def stem(self) -> str:
        """What the word's forms have in common."""
        return stem(self.plain)


def pieces(description: str) -> list[str]:
    """Return the sentences of a goal, each without blanks around it."""
    quotes = [match.span() for match in re.finditer(_QUOTED, description)]
    found, begin = [], 0
    for match in _PIECES.finditer(description):
        if not any(first < match.start() < last for first, last in quotes):
            found.append(description[begin : match.start()].strip())
            begin = match.end()
    return [piece for piece in (*found, description[begin:].strip()) if piece]


def words_of(text: str) -> list[Word]:
    """Return a sentence's words, numbers, dates and comparison signs."""
    found: list[Word] = []
    end = 0
    for match in _WORD.finditer(text):
        quoted = match["quoted"] is not None
        said = match[0][1:-1] if quoted else match[0]
        comma = "," in text[end : match.start()]
        end = match.end()
        if quoted:
            found.append(Word(said, plain(said), quoted=True, comma=comma))
            continue
        said = re.sub(f"[{_APOSTROPHES}]s$", "", said)
        parts = said.split("_") if "_" in said else [said]
        for part in filter(None, parts):
            found.append(Word(part, plain(part), comma=comma))
            comma = False
    return found


def plain(text: str) -> str:
    """Return text in lower case, without accents, with single blanks for all punctuation."""
    bare = "".join(
        one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one)
    )
    return re.sub(r"(?:[^\w+#%<>=≥≤.,/-]|_)+", " ", bare.lower()).strip(" .,")


def comparable(text: str) -> str:
    """Return text in the form in which values are compared: see :func:`comparable_sql`."""
    bare = "".join(
        one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one)
    )
    return re.sub(r"(?:[^\w+#%]|_)+", " ", bare.lower()).strip()


def comparable_sql(expression: str) -> str:
    """Return SQL that brings a text to the form of :func:`comparable`."""
    return (
        f"trim(regexp_replace(lower(strip_accents({expression})),"
        " '[^\\p{L}\\p{N}\\p{M}+#%]+', ' ', 'g'))"
    )


def name_words(name: str) -> tuple[str, ...]:
    """Return the stems of a column's name: ``unitPrice`` and ``unit_price`` are unit, price."""
    spaced = " ".join(part for part in _CAMEL.split(name) if part)
    return tuple(stem(part) for part in comparable(spaced).split())


def plain_words(text: str) -> frozenset[str]:
    """Return the words of a list with blanks between them."""
    return frozenset(text.split())


def stems(text: str) -> frozenset[str]:
    """Return the stems of the words of a list with blanks between them."""
    return frozenset(stem(word) for word in text.split())


def stem(word: str) -> str:
    """Return a word without the ends of plural and past, as far as that is plain."""
    if not word.isalpha() or len(word) < 4 or word in _KEPT:
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif re.search(r"(ss|x|ch|sh)es$", word):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if word.endswith("ed") and len(word) > 4:
        word = word[:-2]
        if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls":
            word = word[:-1]
    word = word[:-1] if word.endswith("e") and len(word) > 3 else word
    return word[:-1] + "i" if word.endswith("y") and len(word) > 3 else word
