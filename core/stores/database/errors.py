"""The errors of the stores, each as one sentence."""


class StoreUnavailable(Exception):
    """The stores cannot be read or written; the message says why and what to do."""


class UnknownGoal(LookupError):
    """There is no run of that workflow id."""

    def __init__(self, workflow_id: str) -> None:
        super().__init__(f"no goal {workflow_id!r} is on record: perdure goals list shows all")


class UnknownArtifact(LookupError):
    """No file of that digest, or of that name in that run, is stored."""


class UnknownApproval(LookupError):
    """There is no approval of that id."""

    def __init__(self, approval_id: str) -> None:
        super().__init__(
            f"no approval {approval_id!r} is on record: perdure approvals shows those that are open"
        )


class AmbiguousName(LookupError):
    """Several ids begin with the name."""

    def __init__(self, name: str, matches: list[str]) -> None:
        shown = ", ".join(matches[:3])
        more = ", …" if len(matches) > 3 else ""
        super().__init__(f"{name!r} fits several ({shown}{more}): write more of the one you mean")


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


class RunNotEnded(StateConflict):
    """The run has not ended in a way in which it can be retried."""


class KeyConflict(StateConflict):
    """The idempotency key was used for another goal."""

    def __init__(self, key: str, workflow_id: str) -> None:
        super().__init__(
            f"the idempotency key {key!r} was given with another goal, which became {workflow_id}:"
            " give each goal a key of its own"
        )
