"""How many goals may run at once: of a tenant, of an agent, in a pool of workers."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, Self

KINDS: Final = ("tenant", "agent", "pool")
_ENTRY: Final = re.compile(r"(tenant|agent|pool)(?::([a-z0-9][a-z0-9._-]*))?=([0-9]+)")


class Limit(NamedTuple):
    """At most so many goals at once.

    Attributes:
        kind: ``tenant``, ``agent`` or ``pool``.
        name: Whose goals.
        most: How many.
    """

    kind: str
    name: str
    most: int

    @property
    def key(self) -> str:
        """What it is about: ``tenant:acme``."""
        return f"{self.kind}:{self.name}"

    @property
    def described(self) -> str:
        """Whose goals, for people: ``of tenant acme``, ``of each agent``, ``in the pool gpu``."""
        if self.kind == "pool":
            return f"in the pool {self.name}" if self.name else "in each pool"
        return f"of {self.kind} {self.name}" if self.name else f"of each {self.kind}"


class ConcurrencyLimits:
    """The limits of an installation.

    Args:
        limits: How many at most, by ``(kind, name)``; an empty name is for each that has none of
            its own.
    """

    def __init__(self, limits: Mapping[tuple[str, str], int]) -> None:
        self._limits = dict(limits)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read entries such as ``tenant=100``, ``tenant:acme=20`` or ``agent:code=4``.

        Args:
            text: The entries, comma-separated.

        Raises:
            ValueError: One cannot be read, or is about the same goals as another.
        """
        limits: dict[tuple[str, str], int] = {}
        for entry in filter(None, (part.strip() for part in text.split(","))):
            found = _ENTRY.fullmatch(entry.replace(" ", ""))
            if found is None or int(found[3]) < 1:
                raise ValueError(
                    f"{entry!r} cannot be read: write tenant=100 for each tenant, tenant:acme=20"
                    " for one, likewise agent and pool, with a number from 1"
                )
            of = found[1], found[2] or ""
            if of in limits:
                raise ValueError(f"{entry!r} is about goals that another entry is about too")
            limits[of] = int(found[3])
        return cls(limits)

    def of(self, tenant: str, agent: str, pool: str) -> tuple[Limit, ...]:
        """Return the limits that count for the goals of a tenant and an agent in a pool."""
        names = zip(KINDS, (tenant, agent, pool), strict=True)
        found = ((kind, name, self._most(kind, name)) for kind, name in names)
        return tuple(Limit(kind, name, most) for kind, name, most in found if most is not None)

    def limit(self, key: str) -> Limit | None:
        """Return the limit that a key such as ``tenant:acme`` names; ``None`` without one."""
        kind, _, name = key.partition(":")
        most = self._most(kind, name)
        return None if most is None else Limit(kind, name, most)

    def __iter__(self) -> Iterator[Limit]:
        """Yield all entries; the name of one for each is empty."""
        return (Limit(kind, name, most) for (kind, name), most in self._limits.items())

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._limits)

    def _most(self, kind: str, name: str) -> int | None:
        return self._limits.get((kind, name), self._limits.get((kind, "")))
