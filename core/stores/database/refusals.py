"""Why the stores refuse what somebody asks of a run, each as one sentence."""


class UnknownApproval(LookupError):
    """There is no question of that id."""

    def __init__(self, approval_id: str) -> None:
        super().__init__(
            f"no approval {approval_id!r} is on record: perdure approvals shows those that are open"
        )


class AmbiguousName(LookupError):
    """The beginning of an id fits several."""

    def __init__(self, name: str, fitting: list[str]) -> None:
        shown = ", ".join(fitting[:3])
        more = ", …" if len(fitting) > 3 else ""
        super().__init__(f"{name!r} fits several ({shown}{more}): write more of the one you mean")


class Refused(Exception):
    """What was asked does not fit how things stand."""


class VoteRefused(Refused):
    """The question takes no such answer any more."""


class NotAsked(Refused):
    """Somebody else was asked."""


class RunEnded(Refused):
    """The run has ended, so nothing more reaches it."""


class RunNotEnded(Refused):
    """The run has not ended in a way that it could be picked up from."""


class KeyConflict(Refused):
    """The idempotency key was given with another goal."""

    def __init__(self, key: str, workflow_id: str) -> None:
        super().__init__(
            f"the idempotency key {key!r} was given with another goal, which became {workflow_id}:"
            " give each goal a key of its own"
        )


class InputRefused(Exception):
    """What was handed in cannot be taken, as it stands."""
