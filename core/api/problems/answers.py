"""What the OpenAPI document says of the problems that a route answers with."""

from collections.abc import Iterable
from typing import Any, Final

from perdure.api.problems.types import ProblemType

MEDIA_TYPE: Final = "application/problem+json"
_SCHEMA: Final = "#/components/schemas/Problem"

_RETRY_AFTER: Final = {
    "Retry-After": {
        "description": "After how many seconds to send the request again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    }
}
_HEADERS: Final[dict[int, dict[str, Any]]] = {
    401: {
        "WWW-Authenticate": {
            "description": "How to say who sends a request.",
            "required": True,
            "schema": {"type": "string", "const": "Bearer"},
        }
    },
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}


def problems(*kinds: ProblemType) -> dict[int | str, dict[str, Any]]:
    """Return a route's ``responses`` for the problems that it answers with.

    What every route can answer with the document has by itself: :mod:`perdure.api.documentation`.
    """
    statuses = sorted({kind.status for kind in kinds})
    return {
        status: response_of(kind for kind in kinds if kind.status == status) for status in statuses
    }


def response_of(kinds: Iterable[ProblemType]) -> dict[str, Any]:
    """Return the response of a status that has these problems, each with an example."""
    listed = list(dict.fromkeys(kinds))
    headers = _HEADERS.get(listed[0].status)
    return {
        "description": "; ".join(f"{kind.title} (`{kind.slug}`)" for kind in listed),
        **({"headers": headers} if headers else {}),
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": _SCHEMA},
                "examples": {kind.slug: _example(kind) for kind in listed},
            }
        },
    }


def kinds_in(response: dict[str, Any]) -> list[ProblemType] | None:
    """Return the problems of a response of :func:`response_of`; ``None`` for any other."""
    content = response.get("content", {}).get(MEDIA_TYPE)
    if content is None:
        return None
    slugs = content["examples"]
    return [kind for kind in ProblemType if kind.slug in slugs]


def _example(kind: ProblemType) -> dict[str, Any]:
    value = {
        "type": kind.uri,
        "title": kind.title,
        "status": kind.status,
        "detail": f"{kind.title}: {kind.remedy}".replace("`", ""),
        "errors": [],
    }
    return {"summary": kind.title, "value": value}
