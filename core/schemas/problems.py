"""Errors as ``application/problem+json`` has them (RFC 9457)."""

from pydantic import BaseModel


class FieldProblem(BaseModel):
    """What is wrong with one field of a request.

    Attributes:
        field: Its name, with dots where it is nested, such as ``parameters.depth``.
        message: What is wrong.
    """

    field: str
    message: str


class Problem(BaseModel):
    """The body of an error response, of every route.

    Attributes:
        type: What kind of error it is, as ``urn:perdure:problem:unknown-goal``: the documentation's
            page of problems has a section on each.
        title: The kind in words.
        status: The HTTP status.
        detail: One sentence: what happened, to which thing, what to do next.
        errors: What is wrong with which field, when the request is at fault.
    """

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []
