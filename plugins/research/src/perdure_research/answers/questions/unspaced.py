"""Understanding a question in a script without spaces between words."""

import re
from typing import Final

from perdure_research.answers.language.tokens import folded
from perdure_research.answers.questions.forms import unspaced_form
from perdure_research.answers.questions.question import Question, Term

# Japanese grammar in hiragana, and the commonest function characters of Chinese.
_HIRAGANA: Final = re.compile("[\u3041-\u309f]+")
_HAN_FUNCTION: Final = re.compile(
    "的|了|吗|嗎|呢|吧|是|在|有|和|与|与|及|或|把|被|从|到|对|为|于|由|这|那|哪|请问|一共|总共|大约|每|都|可以|能够|能|应该|应|需要|共"
)
_CHUNK: Final = re.compile(
    r"[\u3400-\u9fff々ー\u30a1-\u30ff\u0e00-\u0eff]+|[^\W_\u3040-\u30ff\u3400-\u9fff\u0e00-\u0eff]+"
)


def read_unspaced(text: str) -> Question:
    """Return a question in Chinese, Japanese or Thai as it is understood."""
    japanese = re.search("[\u3041-\u309f\u30a1-\u30ff]", text) is not None
    kind, unit, measured, rest = unspaced_form(text)
    rest = rest if japanese else _HAN_FUNCTION.sub(" ", rest)
    chunks = dict.fromkeys(_CHUNK.findall(_HIRAGANA.sub(" ", rest) if japanese else rest))
    terms = [Term(text=chunk, key=folded(chunk), stem=folded(chunk)) for chunk in chunks]
    if measured and measured not in chunks:
        terms.append(Term(text=measured, key=measured, stem=measured, is_measure=True))
    date_kind = ""
    if kind == "date":
        time, year = re.search("几点|何時", text), re.search("哪一?年|何年", text)
        date_kind = "time" if time else "year" if year else ""
    return Question(
        text=text,
        language="ja" if japanese else "zh",
        kind=kind,
        terms=tuple(terms),
        units=frozenset([unit]) if unit else frozenset(),
        date_kind=date_kind,
        is_unspaced=True,
    )
