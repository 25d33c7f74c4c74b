"""The words of a text, as they are indexed and looked for: the same on every database."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from perdure.models import Failure

MAX_WORD_CHARACTERS: Final = 40
# Of a query: more of them find nothing else.
MAX_QUERY_WORDS: Final = 32
MAX_ID_CHARACTERS: Final = 200

_WORD: Final = re.compile(r"[^\W_]+")
# Between the parts of an id, which is one word: no word of a text has it. The id of a run, whose
# parts are `goal`, the goal's id and random ones, begins with it too: `goal` alone finds none.
_JOINT: Final = "\u00b7"
# Scripts whose words are not separated: Thai to Myanmar, Khmer, kana, Han.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]+"
)


def words_of(
    workflow_id: str,
    goal_id: str,
    description: str,
    error: str | None = None,
    summary: str | None = None,
) -> str:
    """Return the words that a run is found by, separated by blanks; each of its ids is one.

    Args:
        workflow_id: The run.
        goal_id: Its goal id.
        description: Its description.
        error: The JSON of its failure, if it has one.
        summary: The summary of its result, if it has one.
    """

    def texts() -> Iterator[str]:
        yield from (description, summary or "")
        if error:
            failure = Failure.model_validate_json(error)
            yield from (failure.type, failure.message)

    run, goal = _joined(workflow_id), _joined(goal_id)
    run = _JOINT + run if _JOINT in run else run
    return " ".join(dict.fromkeys([run, goal, *indexed_words(*texts()).split()]))


def indexed_words(*texts: str) -> str:
    """Return the different words of some texts, separated by blanks.

    They have no capitals, accents or punctuation. Where a script does not separate words, each pair
    of neighbouring characters is one, and so is each character.
    """
    found: dict[str, None] = {}
    for text in texts:
        for word in _words(text):
            if _UNSPACED.match(word):
                found.update(dict.fromkeys((*_pairs(word), word[-1])))
            else:
                found[word] = None
    return " ".join(found)


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a query, between blanks.

    Attributes:
        words: What is looked for has a word that begins with each of these;
        ids: or an id that begins with one of these.
    """

    words: tuple[str, ...]
    ids: tuple[str, ...] = ()


def query_terms(text: str) -> list[Term]:
    """Return what a text is looked for by: each of its words is the beginning of one, or all of it.

    What has several parts and no blank, such as ``sales-2026``, is also the beginning of an id, or
    all of it. The middle of an id finds nothing: that of a run is random.

    Returns:
        Terms with 32 words at most; none if the text has no word.
    """
    terms, left = [], MAX_QUERY_WORDS
    for part in text.split():
        found: dict[str, None] = {}
        for word in _words(part):
            pairs = _pairs(word) if _UNSPACED.match(word) else []
            found.update(dict.fromkeys(pairs or [word]))
        words = tuple(found)[:left]
        if words:
            terms.append(Term(words, _ids(part)))
            left -= len(words)
    return terms


def _ids(part: str) -> tuple[str, ...]:
    """Return the beginnings of ids that a part of a query may be."""
    joined = _joined(part) if part.isascii() else ""
    if _JOINT not in joined or len(joined) > MAX_ID_CHARACTERS:
        return ()
    return (joined, _JOINT + joined)


def _joined(name: str) -> str:
    """Return an id as one word."""
    return _JOINT.join(_WORD.findall(name.casefold()))


def _words(text: str) -> list[str]:
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(each for each in decomposed if not unicodedata.combining(each))
    return [
        part if _UNSPACED.match(part) else part[:MAX_WORD_CHARACTERS]
        for found in _WORD.findall(text.casefold())
        for part in _split_scripts(found)
    ]


def _split_scripts(word: str) -> list[str]:
    if word.isascii():
        return [word]
    parts, end = [], 0
    for unspaced in _UNSPACED.finditer(word):
        parts += [word[end : unspaced.start()], unspaced[0]]
        end = unspaced.end()
    return [part for part in (*parts, word[end:]) if part]


def _pairs(word: str) -> list[str]:
    return [word[at : at + 2] for at in range(len(word) - 1)]
