"""The problems that every route may answer with, whatever it does."""

from typing import Any, Final

from perdure.api.access.paths import is_public
from perdure.api.problems.answers import kinds_in, response_of
from perdure.api.problems.types import ProblemType

_Document = dict[str, Any]

_OF_ALL: Final = (ProblemType.INTERNAL_ERROR,)
# What is found out about a request before a route has it: who sends it, how many they have sent.
_OF_CALLERS: Final = (
    ProblemType.MALFORMED_REQUEST,
    ProblemType.UNAUTHORIZED,
    ProblemType.SCOPE_MISSING,
    ProblemType.FORBIDDEN,
    ProblemType.TOO_MANY_REQUESTS,
    ProblemType.STORES_UNAVAILABLE,
    ProblemType.IDENTITY_PROVIDER_UNAVAILABLE,
)
_OF_BODIES: Final = (
    ProblemType.BODY_TOO_SLOW,
    ProblemType.BODY_TOO_LARGE,
    ProblemType.INVALID_REQUEST,
)
# What the framework says for itself, of a body that we do not send.
_OF_FRAMEWORK: Final = ("HTTPValidationError", "ValidationError")


def add_problems(document: _Document) -> None:
    """Document what each operation can answer with beyond what its route declares.

    Responses of a status that has nothing else than what all operations have are shared.
    """
    schemas = document["components"]["schemas"]
    shared: dict[str, _Document] = {}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _add_to_operation(operation, _common(path, operation), shared)
    for name in _OF_FRAMEWORK:
        schemas.pop(name, None)
    document["components"]["responses"] = dict(sorted(shared.items()))


def _common(path: str, operation: _Document) -> list[ProblemType]:
    kinds = [*_OF_ALL]
    if not is_public(path):
        kinds += _OF_CALLERS
    if "{" in path:  # an id with a slash in it is another path
        kinds.append(ProblemType.UNKNOWN_ROUTE)
    if "requestBody" in operation:
        kinds += _OF_BODIES
    if any(parameter["in"] != "path" for parameter in operation.get("parameters", ())):
        kinds.append(ProblemType.INVALID_REQUEST)
    return kinds


def _add_to_operation(
    operation: _Document, common: list[ProblemType], shared: dict[str, _Document]
) -> None:
    responses = operation["responses"]
    if _is_of_framework(responses.get("422", {})):
        del responses["422"]
    for status in sorted({kind.status for kind in common}):
        of_status = [kind for kind in common if kind.status == status]
        declared = kinds_in(responses.get(str(status), {})) or []
        response = response_of([*declared, *of_status])
        if set(declared) <= set(of_status):
            name = of_status[0].slug
            shared[name] = response
            response = {"$ref": f"#/components/responses/{name}"}
        responses[str(status)] = response
    operation["responses"] = dict(sorted(responses.items()))


def _is_of_framework(response: _Document) -> bool:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).endswith(_OF_FRAMEWORK)
