"""Comparing a question with what sources state, in scripts without spaces between words."""

from typing import Final

from perdure_research.answers.language.tokens import plain
from perdure_research.answers.matching.fit import fits
from perdure_research.answers.matching.match import Match
from perdure_research.answers.questions.question import Question, Term
from perdure_research.answers.statements import Statement

_ENOUGH: Final = 0.75
_SAME: Final = tuple(
    tuple(words.split())
    for words in (
        "关门 闭馆 打烊 关闭",
        "开门 开馆 开放 营业",
        "成立 建立 创建 创办 建于",
        "价格 售价 价钱",
        "允许 禁止 可以 不可以",
        "長さ 全長 长 全长 长度",
        "高 高度 高さ",
        "深 深度 水深 深さ",
        "宽 宽度 幅",
        "重 重量 体重",
        "面积 面積",
        "開業 開通 開館 開店",
        "入浴料 料金 代金 値段 価格",
        "禁止 許可",
        "創業 創立 設立",
    )
)
_CODE: Final = 0.25


def compare_unspaced(question: Question, statement: Statement) -> Match | None:
    """Return how a statement answers; ``None`` where it has nothing to do with the question."""
    here = statement.words
    around = plain(
        " ".join(
            (
                *(one.words for one in statement.before),
                *statement.heading,
                *statement.columns,
                statement.subject,
            )
        )
    )
    both = f"{here} {around}"
    shares = {term.text: _share(term.key, here) for term in question.terms}
    wholes = {term.text: _share(term.key, both) for term in question.terms}
    if not any(shares.values()):
        return None
    missing = tuple(
        term.text
        for term in question.terms
        if not _is_there(term, here if term.is_measure else both)
    )
    here_share = sum(shares.values()) / len(shares)
    whole = sum(wholes.values()) / len(wholes)
    telling = [term for term in question.terms[1:] if not term.is_measure] or list(question.terms)
    is_answer = (
        not missing
        and whole >= _ENOUGH
        and max(shares[term.text] for term in telling) >= 0.5
        and not statement.asks
        and fits(question, statement, counted_light=True)
    )
    context = 0
    within = [one for one in statement.before if one.position < statement.position]
    while context < len(within) and any(
        not _is_there(term, " ".join((here, *(one.words for one in within[:context]))))
        for term in question.terms
    ):
        context += 1
    if context == len(within) and within and _worse(question, here, within):
        context = 0
    form = _CODE if statement.shape == "code" else 0.75 if statement.shape == "list" else 1.0
    return Match(
        statement=statement,
        score=(0.7 * here_share + 0.3 * whole) * form,
        found=frozenset(text for text, share in wholes.items() if share >= 0.5),
        missing=missing,
        is_answer=is_answer,
        context=context,
        share=whole,
        here=sum(share > 0 for share in shares.values()),
    )


def _worse(question: Question, here: str, within: list[Statement]) -> bool:
    """Say whether the sentences before add nothing that was asked for."""
    all_ = " ".join((here, *(one.words for one in within)))
    return all(_is_there(term, here) or not _is_there(term, all_) for term in question.terms)


def _forms(key: str) -> list[str]:
    others = [word for words in _SAME if key in words for word in words if word != key]
    return [key, *others]


def _share(key: str, text: str) -> float:
    """Return how much of a run of characters is in a text, by its pairs of neighbours."""
    if any(form in text for form in _forms(key)):
        return 1.0
    pairs = [key[at : at + 2] for at in range(len(key) - 1)]
    return sum(pair in text for pair in pairs) / len(pairs) if pairs else 0.0


def _is_there(term: Term, text: str) -> bool:
    """Say whether a run of characters is in a text, its first word and most of the rest.

    A name stands at the beginning of such a run, and differs from others in one character.
    """
    if any(form in text for form in _forms(term.key)):
        return True
    if len(term.key) < 3:
        return False
    present = sum(character in text for character in term.key)
    return term.key[:2] in text and present == len(term.key) and _share(term.key, text) >= 0.6
