"""The page of problems, from the problem types of the API."""

from perdure.api.problems.types import ProblemType


def markdown() -> str:
    """Return one section for each problem type, in the order of their names."""
    return "\n".join(
        f"## {kind.slug}\n\n`{kind.uri}`, status {kind.status}: {_sentence(kind.title)}"
        f" {kind.remedy}\n"
        for kind in sorted(ProblemType, key=lambda kind: kind.slug)
    )


def _sentence(title: str) -> str:
    return f"{title[0].lower()}{title[1:]}."
