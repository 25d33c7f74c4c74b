"""The problem types: what can be wrong with a request, each with a name that does not change."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

# A name and no address: it is the same on every installation, and compared as it is.
URI_PREFIX: Final = "urn:perdure:problem:"


@dataclass(frozen=True, slots=True)
class _Kind:
    status: int
    title: str
    remedy: str


class ProblemType(Enum):
    """A kind of error. Its URI ends in the member's name: ``urn:perdure:problem:unknown-goal``.

    Each has a section on the documentation's page of problems, made from what stands here.
    """

    INVALID_REQUEST = _Kind(
        422,
        "The request is not valid",
        "Correct the fields that `errors` names; the route's entry in the reference says what each"
        " takes.",
    )
    INVALID_PARAMETERS = _Kind(
        422,
        "The parameters do not fit the agent",
        "Correct the parameters that `errors` names; `GET /api/agents` lists those of every agent.",
    )
    UNKNOWN_AGENT = _Kind(
        422,
        "There is no such agent",
        "Name an agent that `GET /api/agents` lists, or install the plugin that brings this one.",
    )
    CALLBACK_REFUSED = _Kind(
        422,
        "Nothing is posted to this URL",
        "Give an http or https URL whose host has public addresses, or have"
        " `PERDURE_CALLBACK_ALLOW` name it. Callbacks need `PERDURE_CALLBACK_SECRET`.",
    )
    UNKNOWN_GOAL = _Kind(
        404,
        "There is no such goal",
        "Give the `workflow_id` that the start returned; `GET /api/goals` lists all.",
    )
    UNKNOWN_ARTIFACT = _Kind(
        404,
        "There is no such artifact",
        "Give a name that `GET /api/goals/{workflow_id}/artifacts` lists. If it lists this one,"
        " the API does not see the workers' files: give both the same `PERDURE_HOME`.",
    )
    UNKNOWN_UPLOAD = _Kind(
        404,
        "There is no such upload",
        "Hand the file in again: it was deleted, or never came whole.",
    )
    UNKNOWN_APPROVAL = _Kind(
        404,
        "There is no such approval",
        "Give an id that `GET /api/approvals?status=all` lists.",
    )
    UNKNOWN_BATCH = _Kind(
        404,
        "There is no such batch",
        "Give an id or a name that `GET /api/batches` lists.",
    )
    UNKNOWN_STEP = _Kind(
        404,
        "There is no such step",
        "Give a step that `GET /api/goals/{workflow_id}/steps/unknown` lists.",
    )
    UNKNOWN_SCHEDULE = _Kind(
        404,
        "There is no such schedule",
        "Give a name that `GET /api/schedules` lists.",
    )
    UNKNOWN_ROUTE = _Kind(
        404,
        "There is no such route",
        "Look the path up in the reference, at `/docs`.",
    )
    METHOD_NOT_ALLOWED = _Kind(
        405,
        "The route does not take this method",
        "Use a method that the header `Allow` names.",
    )
    UNAUTHORIZED = _Kind(
        401,
        "The request carries no key that is known",
        "Send a key that this server knows, as `Authorization: Bearer <key>`.",
    )
    FORBIDDEN = _Kind(
        403,
        "The request is not allowed",
        "Do what the detail says: the sender, or the page that it comes from, may not do this.",
    )
    SCOPE_MISSING = _Kind(
        403,
        "The key lacks a scope",
        "Use a key with the scope that the detail names: `perdure keys create --scope`.",
    )
    POLICY_DENIED = _Kind(
        403,
        "The policy denies the goal",
        "Hand in another goal, or have the rule changed that the detail names: `perdure policy"
        " test` shows what decides.",
    )
    UNKNOWN_KEY = _Kind(
        404,
        "There is no such key",
        "Give a `key_id` that `GET /api/keys` lists.",
    )
    NOT_ASKED = _Kind(
        403,
        "Somebody else was asked",
        "Have one of those vote whom the approval's `of` names.",
    )
    AMBIGUOUS_NAME = _Kind(
        409,
        "The name fits several",
        "Write more of the one that you mean: `detail` names some that it fits.",
    )
    SCHEDULE_EXISTS = _Kind(
        409,
        "There is a schedule of that name",
        "Give this one another name, or delete the other.",
    )
    STATE_CONFLICT = _Kind(
        409,
        "The goal's status does not allow it",
        "Look at its status, and do what fits that.",
    )
    VOTE_REFUSED = _Kind(
        409,
        "The approval takes no such vote any more",
        "Nothing is to be done: it is decided, it has expired, or its goal has ended.",
    )
    RUN_ENDED = _Kind(
        409,
        "The goal has ended",
        "Hand it in again, or retry it if it failed: nothing can reach it any more.",
    )
    RUN_NOT_ENDED = _Kind(
        409,
        "The goal cannot be retried",
        "Retry goals that failed, were cancelled or terminated; this one goes on or has completed.",
    )
    NO_RESULT_YET = _Kind(
        409,
        "The goal has no result yet",
        "Follow `GET /api/goals/{workflow_id}/events` to its end, and ask again then.",
    )
    STEP_NOT_SETTLED = _Kind(
        409,
        "The step cannot be settled",
        "Look at the steps of unknown outcome again, once no worker executes the goal.",
    )
    KEY_CONFLICT = _Kind(
        409,
        "The idempotency key was used for another goal",
        "Give each goal a key of its own, and repeat a request only with the same body.",
    )
    UPLOAD_TOO_LARGE = _Kind(
        413,
        "The file is too large",
        "Hand in a smaller file, or have `PERDURE_UPLOAD_BYTES` raised.",
    )
    BODY_TOO_LARGE = _Kind(
        413,
        "The body is too large",
        "Hand large data in as a file, and name its path in the request.",
    )
    BODY_TOO_SLOW = _Kind(
        408,
        "The body came too slowly",
        "Send the request again over a better connection.",
    )
    TOO_MANY_REQUESTS = _Kind(
        429,
        "There were too many requests",
        "Send the request again after the seconds in `Retry-After`; `RateLimit` says what is left.",
    )
    UNSUPPORTED_MEDIA_TYPE = _Kind(
        415,
        "The body is of a type that is not taken",
        "Send the file's content itself, with `Content-Type: application/octet-stream`, and no body"
        " compressed.",
    )
    UPLOAD_INCOMPLETE = _Kind(
        400,
        "The file did not come whole",
        "Hand it in again: nothing of it was kept.",
    )
    DIGEST_MISMATCH = _Kind(
        400,
        "The content does not have the digest that was given",
        "Hand it in again: nothing of it was kept. If it happens again, compare the digest with the"
        " file's.",
    )
    UNSUPPORTED_DIGEST = _Kind(
        400,
        "The digest is malformed, or of an algorithm that is not known",
        "Send `Repr-Digest: sha-256=:…:` with the digest in Base64, or none.",
    )
    MALFORMED_RANGE = _Kind(
        400,
        "The range is malformed",
        "Send `Range: bytes=first-last`, or no such header for all of the file.",
    )
    RANGE_NOT_SATISFIABLE = _Kind(
        416,
        "The range lies outside of the file",
        "Ask for a part of the bytes whose number the header `Content-Range` names.",
    )
    MALFORMED_REQUEST = _Kind(
        400,
        "The request is malformed",
        "Send HTTP as the reference has it.",
    )
    TEMPORAL_UNAVAILABLE = _Kind(
        503,
        "Temporal does not answer",
        "Send the request again after the seconds in `Retry-After`, with the same"
        " `Idempotency-Key`; `GET /readyz` says when it is back.",
    )
    STORES_UNAVAILABLE = _Kind(
        503,
        "The stores do not answer",
        "Send the request again after the seconds in `Retry-After`, with the same"
        " `Idempotency-Key`; `GET /readyz` says when they are back.",
    )
    TOO_MANY_READERS = _Kind(
        503,
        "Too many readers follow events here",
        "Send the request again after the seconds in `Retry-After`, or ask for the goal's status"
        " with `GET /api/goals/{workflow_id}` meanwhile.",
    )
    IDENTITY_PROVIDER_UNAVAILABLE = _Kind(
        503,
        "The identity provider does not answer",
        "Send the request again after the seconds in `Retry-After`; keys work meanwhile.",
    )
    INTERNAL_ERROR = _Kind(
        500,
        "The server failed",
        "Look into the API's log, which has the reason; the response does not.",
    )

    @property
    def uri(self) -> str:
        """The value of a problem's ``type``."""
        return f"{URI_PREFIX}{self.slug}"

    @property
    def slug(self) -> str:
        """The end of the URI, such as ``unknown-goal``."""
        return self.name.lower().replace("_", "-")

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value.status

    @property
    def title(self) -> str:
        """What is wrong, in general."""
        return self.value.title

    @property
    def remedy(self) -> str:
        """What to do about it, in Markdown."""
        return self.value.remedy
