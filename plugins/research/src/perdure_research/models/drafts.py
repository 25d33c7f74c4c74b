"""What a model hands over before any of it is believed; steps take and return these."""

from perdure_research.answers.claims import Claim
from perdure_research.sources.source import Fact


class DraftCitation(Fact):
    """A quotation that a model says it found.

    Attributes:
        source: The source's name in the conversation, such as ``s3``.
        quotation: What is said to stand there.
    """

    source: str
    quotation: str


class Draft(Fact):
    """A sentence that a model wrote, with its citations; none of it is checked."""

    sentence: str
    citations: tuple[DraftCitation, ...] = ()


class Refusal(Fact):
    """A sentence that is left out, and why."""

    sentence: str
    why: str


class Checked(Fact):
    """Sentences of a model after they were checked.

    Attributes:
        claims: Those that are borne out, in the model's order; ``None`` in the place of each that
            is not, so that others can speak of them by their places.
        refused: Why others are left out.
        missing: The names in the question that no claim speaks of.
    """

    claims: tuple[Claim | None, ...]
    refused: tuple[Refusal, ...] = ()
    missing: tuple[str, ...] = ()


class Excerpt(Fact):
    """A piece of a source that a model is shown.

    Attributes:
        source: The source's name in the conversation.
        start: Where it begins in the source's archived text, in characters from 0.
        end: Where it ends, exclusive.
        text: What stands there.
        place: Its headings and page, in words; empty where there are none.
    """

    source: str
    start: int
    end: int
    text: str
    place: str = ""
