"""Why a request is refused, each as one sentence."""

from collections.abc import Sequence

from perdure.api.access.principals import Principal
from perdure.schemas.access import Scope


class Unauthenticated(Exception):
    """Nobody is known who sends this request.

    Attributes:
        was_tried: Whether it carried something to be known by, which is not valid.
    """

    def __init__(self, message: str, *, was_tried: bool = False) -> None:
        super().__init__(message)
        self.was_tried = was_tried


class ScopeMissing(Exception):
    """The sender may not do this."""

    def __init__(self, principal: Principal, needed: Sequence[Scope]) -> None:
        granted = ", ".join(sorted(principal.scopes)) or "none"
        super().__init__(
            f"this needs the scope {' or '.join(needed)}, and {principal.name} has {granted}: use a"
            f" key that has it (perdure keys create --scope {needed[0]})"
        )


class AnothersName(Exception):
    """Somebody whose name is known says something in another's."""

    def __init__(self, principal: Principal, by: str) -> None:
        super().__init__(
            f"{principal.name} cannot say this in the name of {by!r}: send your own name as 'by'"
        )


class AnothersMetrics(Exception):
    """A tenant wants metrics, which are those of all."""

    def __init__(self, principal: Principal) -> None:
        super().__init__(
            f"the metrics are those of all tenants, and {principal.name} is of the tenant"
            f" {principal.tenant!r}: use a key of the tenant 'default' (perdure keys create --scope"
            " metrics)"
        )


class AnothersPayloads(Exception):
    """A tenant wants payloads opened or sealed, whose keys are those of all."""

    def __init__(self, principal: Principal) -> None:
        super().__init__(
            f"what goes through Temporal is of all tenants, and {principal.name} is of the tenant"
            f" {principal.tenant!r}: use a key of the tenant 'default' (perdure keys create --scope"
            " admin)"
        )


class ProviderUnavailable(Exception):
    """The identity provider does not answer, or not as one.

    Attributes:
        status: The HTTP status that it answered with, if it did.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class TokenRefused(Exception):
    """A token of the identity provider is not valid here; the message has nothing of the token."""


class RefusedAddress(Exception):
    """The API would be open to others than this machine."""
