"""What is said in answer to a question, each sentence with the words of sources that bear it out.

A claim without a model is its quotation itself; a model's is a sentence of its own that was checked
against its quotations. Whatever the agent writes in answer is made of these.
"""

from typing import Literal

from pydantic import Field

from perdure_research.sources.source import Fact

# The answer itself, what bears it out or adds to it, or what other sources say against it.
Role = Literal["answer", "support", "contradiction"]


class Citation(Fact):
    """A quotation, and where it stands.

    Attributes:
        source: The source's id.
        quote: Word for word the source's archived text from ``start`` to ``end``, line breaks
            included.
        start: Where it begins there, in characters from 0.
        end: Where it ends, exclusive.
        also: The ids of other sources in which the same words stand: no further evidence.
    """

    source: str
    quote: str = Field(min_length=1)
    start: int = Field(ge=0)
    end: int = Field(ge=1)
    also: tuple[str, ...] = ()


class Claim(Fact):
    """A sentence that its quotations bear out.

    Attributes:
        text: The sentence.
        citations: The quotations, at least one.
        question: The part of the question that it answers; empty where that was not split.
        role: What it is to the answer.
    """

    text: str = Field(min_length=1)
    citations: tuple[Citation, ...] = Field(min_length=1)
    question: str = ""
    role: Role = "answer"


class Disagreement(Fact):
    """Claims that cannot all be true, to be shown side by side with their sources' dates.

    Attributes:
        claims: Their places in the answer's claims, from 0; at least two.
    """

    claims: tuple[int, ...] = Field(min_length=2)


class Findings(Fact):
    """What was found in answer to a question.

    Attributes:
        claims: The claims, the most direct answer first.
        disagreements: Those among them that contradict each other.
        not_found: What was looked for and not found, each a part of the question in words; all of
            it where there are no claims, for then the sources do not say.
        absent: The names and words of the question that no source speaks of.
        nearest: Where nothing answers, what comes nearest; it is no answer.
    """

    claims: tuple[Claim, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    not_found: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    nearest: tuple[Citation, ...] = ()
