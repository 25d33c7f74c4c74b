"""Whether two claims contradict each other, as far as their words say."""

from perdure_research.answers.claims import Claim
from perdure_research.models.evidence.clauses import shared, terms_of
from perdure_research.models.evidence.figures import figures_of
from perdure_research.models.evidence.polarity import turns_round


def contradict(one: Claim, other: Claim) -> bool:
    """Say whether two claims of different sources speak of the same and say something else of it.

    That is so where each has a figure that the other has not, or where one denies what the other
    says.
    """
    sources = ({citation.source for citation in claim.citations} for claim in (one, other))
    if set.intersection(*sources) or not shared(terms_of(one.text), terms_of(other.text)):
        return False
    mine, its = figures_of(one.text), figures_of(other.text)
    return bool(mine - its and its - mine) or turns_round(one.text, other.text)
