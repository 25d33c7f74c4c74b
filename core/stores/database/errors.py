"""The errors of the stores, each as one sentence."""


class StoreUnavailable(Exception):
    """The stores cannot be read or written; the message says why and what to do."""


class DatabaseAway(StoreUnavailable):
    """The server of the database does not answer, and may do so later."""


class UnknownGoal(LookupError):
    """There is no run of that workflow id."""

    def __init__(self, workflow_id: str) -> None:
        super().__init__(f"no goal {workflow_id!r} is on record: perdure goals list shows all")


class UnknownArtifact(LookupError):
    """No file of that digest, or of that name in that run, is stored."""


class AlteredArtifact(UnknownArtifact):
    """What is stored under a digest has another one: it was damaged, or tampered with."""

    def __init__(self, digest: str, where: str) -> None:
        super().__init__(
            f"what lies under {where} as {digest} has another content by now, so none of it is"
            " used: restore it from a backup, or have the goal run again"
        )


class UnknownUpload(LookupError):
    """No such file was handed in, or it was removed."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"no upload {path!r} is there: hand the file in with POST /api/uploads and give the"
            " path that it returns"
        )


class DigestMismatch(Exception):
    """What came is not what the sender has a digest of."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} came with another content than its digest says, so nothing was kept: hand it"
            " in again"
        )


class UploadTooLarge(Exception):
    """A file is larger than the API takes."""

    def __init__(self, name: str, most_bytes: int) -> None:
        super().__init__(
            f"{name!r} is larger than {most_bytes:,} bytes: hand in a smaller file, or have"
            " PERDURE_UPLOAD_BYTES raised"
        )


class UnknownApproval(LookupError):
    """There is no approval of that id."""

    def __init__(self, approval_id: str) -> None:
        super().__init__(
            f"no approval {approval_id!r} is on record: perdure approvals shows those that are open"
        )


class UnknownBatch(LookupError):
    """There is no batch of that id or name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no batch {name!r} is on record: perdure batch list shows all")


class UnknownKey(LookupError):
    """There is no API key of that id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"no key {key_id!r} is on record: perdure keys list shows all")


class AmbiguousName(LookupError):
    """Several ids begin with the name."""

    def __init__(self, name: str, matches: list[str]) -> None:
        shown = ", ".join(matches[:3])
        more = ", …" if len(matches) > 3 else ""
        super().__init__(f"{name!r} fits several ({shown}{more}): write more of the one you mean")


class UnknownStep(LookupError):
    """The run has no such step."""


class InputRefused(Exception):
    """A value that a caller gave is invalid."""


class StateConflict(Exception):
    """The state of a run, or of something that belongs to it, does not allow what was requested."""


class VoteRefused(StateConflict):
    """The approval accepts no such vote any more."""


class NotAsked(StateConflict):
    """The approval asks other people than the voter."""


class RunEnded(StateConflict):
    """The run has ended, so nothing can reach it any more."""


class NoResultYet(StateConflict):
    """The run has not ended, so it has no result."""


class RunNotEnded(StateConflict):
    """The run has not ended in a way in which it can be retried."""


class StepNotSettled(StateConflict):
    """The step's outcome is known, or the name fits several, or a worker executes the run."""


class KeyConflict(StateConflict):
    """The idempotency key was used for another goal."""

    def __init__(self, key: str, workflow_id: str) -> None:
        super().__init__(
            f"the idempotency key {key!r} was given with another goal, which became {workflow_id}:"
            " give each goal a key of its own"
        )
