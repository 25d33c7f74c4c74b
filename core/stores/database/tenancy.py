"""Tenants in the stores: a view of a store sees, and changes, what belongs to its tenant alone."""

import copy
import re
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Select, bindparam, select

from perdure.models.tenants import DEFAULT_TENANT, MAX_TENANT_CHARACTERS, TENANT_PATTERN
from perdure.stores.database import schema
from perdure.stores.database.engine import Database
from perdure.stores.database.errors import InputRefused, UnknownGoal

S = TypeVar("S", bound=Select[*tuple[Any, ...]])

_GOALS: Final = schema.goals.c
_IS_OWNED: Final = select(_GOALS.workflow_id).where(
    _GOALS.workflow_id == bindparam("run"), _GOALS.tenant == bindparam("owner")
)
_OWNED: Final = select(_GOALS.workflow_id).where(
    _GOALS.workflow_id.in_(bindparam("runs", expanding=True)), _GOALS.tenant == bindparam("owner")
)


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Whose rows a store reads and writes.

    Attributes:
        tenant: The tenant; ``None`` for those of all, which workers and the operator's command line
            work with.
    """

    tenant: str | None = None

    @property
    def name(self) -> str:
        """Whose a new row is that belongs to no run; the default tenant's where there is none."""
        return self.tenant or DEFAULT_TENANT

    def limited(self, query: S, owner: ColumnElement[str]) -> S:
        """Return a query that finds only what is the tenant's.

        Args:
            query: The query.
            owner: The column that says whose a row is.
        """
        return query if self.tenant is None else query.where(owner == self.tenant)

    def check_run(self, connection: Connection, workflow_id: str) -> None:
        """Check that a run is the tenant's; for those of all tenants, nothing is checked.

        Raises:
            UnknownGoal: It is another's, or does not exist.
        """
        if self.tenant is None:
            return
        parameters = {"run": workflow_id, "owner": self.tenant}
        if connection.execute(_IS_OWNED, parameters).first() is None:
            raise UnknownGoal(workflow_id)

    def owned(self, connection: Connection, workflow_ids: list[str]) -> list[str]:
        """Return those of some runs that are the tenant's."""
        if self.tenant is None or not workflow_ids:
            return workflow_ids
        parameters = {"runs": workflow_ids, "owner": self.tenant}
        owned = set(connection.execute(_OWNED, parameters).scalars())
        return [workflow_id for workflow_id in workflow_ids if workflow_id in owned]


class TenantStore:
    """The base of the stores that have views by tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tenancy = Tenancy()

    def of_tenant(self, tenant: str) -> Self:
        """Return a view of the store that reads and changes only what is the tenant's.

        An id of another tenant's raises what one that does not exist raises.
        """
        view = copy.copy(self)
        view._tenancy = Tenancy(tenant)  # noqa: SLF001 -- a copy of itself
        return view


def check_tenant(name: str) -> str:
    """Return a tenant's name.

    Raises:
        InputRefused: It is not valid.
    """
    if len(name) > MAX_TENANT_CHARACTERS or not re.fullmatch(TENANT_PATTERN.strip("^$"), name):
        raise InputRefused(
            f"{name[:100]!r} is no name for a tenant: write at most {MAX_TENANT_CHARACTERS} small"
            " letters, digits, '.', '_' and '-', a letter or digit first"
        )
    return name


def tenant_of(parameter: str) -> ScalarSelect[str]:
    """Return whose a run is, for an insert; the statement's parameter of that name names the run.

    A column's own name is not taken for it.
    """
    return select(_GOALS.tenant).where(_GOALS.workflow_id == bindparam(parameter)).scalar_subquery()
