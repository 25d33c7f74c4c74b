"""The words of a question that are worth looking for."""

import re
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+")
_MOST_WORDS: Final = 60
_STOP_WORDS: Final = frozenset(
    """
    a about above after again against all also am an and any are aren as at be because been before
    being below between both but by can cannot could couldn d did didn do does doesn doing don down
    during each every few for from further get give given gives had hadn has hasn have haven having
    he her here hers herself him himself his how i if in into is isn it its itself ll m made make
    makes many may me might more most much must my myself no nor not now of off on once one only or
    other our ours out over own per re s same shall she should shouldn so some such t than that the
    their theirs them themselves then there these they this those through to too under until up upon
    us ve very was wasn we were weren what when where whether which while who whom whose why will
    with within without won would wouldn you your yours
    """.split()  # noqa: SIM905 -- a column of two hundred words reads worse
)
_ASKING_WORDS: Final = frozenset(
    """
    analyse analyze answer brief compare describe detail detailed explain find happen happened
    happens identify list look out overview please question report research review say says show
    study summarise summarize summary tell write
    """.split()  # noqa: SIM905 -- a column of two hundred words reads worse
)
_IRREGULAR: Final = tuple(
    tuple(forms.split())
    for forms in (
        "lose loses losing lost loss losses",
        "break breaks broke broken",
        "begin begins began begun",
        "bring brings brought",
        "build builds built",
        "buy buys bought",
        "child children",
        "choose chooses chose chosen choice",
        "cost costs costly",
        "fall falls fell fallen",
        "find finds found",
        "fail fails failed failure failures",
        "grow grows grew grown growth",
        "hold holds held",
        "keep keeps kept",
        "know knows knew known knowledge",
        "lead leads led",
        "leave leaves left",
        "man men",
        "mean means meant",
        "pay pays paid payment",
        "rise rises rose risen",
        "run runs ran running",
        "sell sells sold sale sales",
        "send sends sent",
        "speak speaks spoke spoken",
        "spend spends spent",
        "take takes took taken",
        "teach teaches taught",
        "think thinks thought",
        "win wins won",
        "woman women",
        "write writes wrote written",
    )
)


def forms_of(word: str) -> list[str]:
    """Return the other forms of an irregular word; none for most words."""
    return [form for forms in _IRREGULAR if word in forms for form in forms if form != word]


def words_of(description: str) -> list[str]:
    """Return the words that carry a question, once each, in lower case, at most sixty.

    Stop words are left out, and words that only ask, such as "explain", unless there are no others.
    """
    words = [word.lower() for word in _WORD.findall(description)]
    for unwanted in (_STOP_WORDS | _ASKING_WORDS, _STOP_WORDS, frozenset[str]()):
        left = [word for word in dict.fromkeys(words) if word not in unwanted]
        left = [word for word in left if len(word) > 1 or word.isdigit()]
        if left:
            return left[:_MOST_WORDS]
    return list(dict.fromkeys(words))[:_MOST_WORDS]
