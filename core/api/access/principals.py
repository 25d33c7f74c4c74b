"""Who sends a request, and what they may do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from perdure.schemas.access import Scope

ALL_SCOPES: Final = frozenset(Scope)
_BY_NAME: Final = {scope.value: scope for scope in Scope}


def scopes_of(names: Iterable[str]) -> frozenset[Scope]:
    """Return the scopes of these names; names that are none give nothing."""
    scopes = frozenset(_BY_NAME[name] for name in names if name in _BY_NAME)
    return ALL_SCOPES if Scope.ADMIN in scopes else scopes


@dataclass(frozen=True, slots=True)
class Principal:
    """The sender of a request.

    Attributes:
        name: The name of the key or of the person.
        tenant: Whose goals they work with.
        scopes: What they may do.
        key_id: The key, of which the limits are; ``None`` for people and for this machine.
        is_person: Whether the identity provider says who it is, by this name.
        by_cookie: Whether a cookie told who it is, which a browser sends whoever asks it to.
    """

    name: str
    tenant: str
    scopes: frozenset[Scope]
    key_id: str | None = None
    is_person: bool = False
    by_cookie: bool = False
