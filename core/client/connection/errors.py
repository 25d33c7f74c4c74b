"""What can go wrong between a client and a server."""

from typing import ClassVar, Final

from perdure.schemas.problems import FieldProblem, Problem

URN: Final = "urn:perdure:problem:"


class ClientError(Exception):
    """The base of all errors of the client: one sentence that says what happened."""


class ServerUnreachable(ClientError):
    """No response came.

    Attributes:
        may_have_arrived: Whether the server may have received the request all the same.
    """

    def __init__(self, sentence: str, *, may_have_arrived: bool) -> None:
        super().__init__(sentence)
        self.may_have_arrived = may_have_arrived


class UnexpectedResponse(ClientError):
    """A response is none of this API: another server answers, or one of another version."""


class FileDamaged(ClientError):
    """A file that was downloaded is not the one that the run made."""


class ApiError(ClientError):
    """The API answered with an error.

    Attributes:
        status: The HTTP status.
        type: What kind of error it is, such as ``unknown-goal``: the page of problems in the
            documentation has a section on each. Empty when something in between answered.
        title: The kind in words.
        detail: One sentence: what happened, to which thing, what to do next.
        fields: What is wrong with which field, when the request is at fault.
        retry_after: After how many seconds the server wants to be asked again, if it says so.
        request_id: Names the request in the server's logs, if it says so.
    """

    statuses: ClassVar[frozenset[int]] = frozenset()

    def __init__(
        self, problem: Problem, *, retry_after: float | None = None, request_id: str = ""
    ) -> None:
        super().__init__(problem.detail)
        self.status: int = problem.status
        self.type: str = problem.type.removeprefix(URN) if problem.type.startswith(URN) else ""
        self.title: str = problem.title
        self.detail: str = problem.detail
        self.fields: tuple[FieldProblem, ...] = tuple(problem.errors)
        self.retry_after = retry_after
        self.request_id = request_id


class Unauthenticated(ApiError):
    """The server knows no such key, or it has ended, or none was sent."""

    statuses = frozenset({401})


class Forbidden(ApiError):
    """The key may not do this: it lacks a scope, or somebody else was asked."""

    statuses = frozenset({403})


class NotFound(ApiError):
    """There is no such thing, or it is another tenant's."""

    statuses = frozenset({404})


class Conflict(ApiError):
    """The status of the goal, approval or step does not allow it."""

    statuses = frozenset({409})


class InvalidRequest(ApiError):
    """The request is at fault: a parameter, a file that is too large, a range."""

    statuses = frozenset({400, 405, 408, 413, 415, 416, 422})


class RateLimited(ApiError):
    """There were too many requests: ``retry_after`` says when the next may come."""

    statuses = frozenset({429})


class ServerFailed(ApiError):
    """The server could not do it."""

    statuses = frozenset(range(500, 600))


class Unavailable(ServerFailed):
    """The server, its stores or Temporal are away for now."""

    statuses = frozenset({502, 503, 504})


_KINDS: Final = (
    Unauthenticated,
    Forbidden,
    NotFound,
    Conflict,
    InvalidRequest,
    RateLimited,
    Unavailable,
    ServerFailed,
)


def error_of(
    problem: Problem, *, retry_after: float | None = None, request_id: str = ""
) -> ApiError:
    """Return the error that a problem is raised as."""
    kind = next((kind for kind in _KINDS if problem.status in kind.statuses), ApiError)
    return kind(problem, retry_after=retry_after, request_id=request_id)
