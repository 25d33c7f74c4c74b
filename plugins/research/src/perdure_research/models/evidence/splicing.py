"""Whether a sentence puts together what its quotations say apart."""

from collections.abc import Iterator
from typing import Final

from perdure_research.answers.sentences import sentence_spans
from perdure_research.models.evidence.clauses import (
    clauses_of,
    is_in,
    is_pair,
    terms_in_order,
    word_set,
)
from perdure_research.models.evidence.figures import is_figure
from perdure_research.models.evidence.quotations import LEANS

# Words of a sentence that need not be in its quotations, as they say nothing of the matter.
NEUTRAL: Final = word_set(
    "according amounts approximately based called described describes given known located means"
    " mentioned named noted notes reported reports respectively said says stated states total"
)


def splicing_troubles(sentence: str, said: str, about: str) -> Iterator[str]:
    """Yield where a clause takes its words from several sentences, or its subject from elsewhere.

    Args:
        sentence: The sentence.
        said: Its quotations, one a line.
        about: What rows and items among them are about.
    """
    beside = terms_in_order(about)
    units = [[*terms_in_order(unit), *beside] for unit in _units(said)]
    whole = terms_in_order(sentence)
    hosts = [terms_in_order(clause) for clause in clauses_of(said)]
    for clause in clauses_of(sentence):
        terms = [
            term
            for term in terms_in_order(clause)
            if not (is_pair(term) or is_figure(term) or term in NEUTRAL)
        ]
        if terms and not any(all(is_in(term, unit) for term in terms) for unit in units):
            yield "it puts together what its quotations say apart"
        elif len(terms) > 1 and _has_other_subject(terms, whole, hosts):
            yield f"its quotations say it of something else than {terms[0]!r}"


def _has_other_subject(terms: list[str], whole: list[str], hosts: list[list[str]]) -> bool:
    """Say whether the quotations say the rest of a clause only of what the sentence leaves out."""
    subject, rest = terms[0], terms[1:]
    saying = [host for host in hosts if all(is_in(term, host) for term in rest)]
    return bool(saying) and all(
        not is_in(subject, host) and not is_in(host[0], whole) for host in saying
    )


def _units(said: str) -> Iterator[str]:
    """Yield the sentences of quotations; one that leans on the one before together with it."""
    for line in said.split("\n"):
        before = ""
        for start, end in sentence_spans(line):
            sentence = line[start:end]
            before = f"{before} {sentence}" if before and LEANS.match(sentence) else sentence
            yield before
