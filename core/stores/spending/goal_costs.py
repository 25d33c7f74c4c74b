"""What goals have cost, for lists of many: dollars, and the tokens whose price nobody knows."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, case, func, select

from perdure.stores.database import schema
from perdure.stores.database.tenancy import Tenancy

_ROWS: Final = schema.spending.c
_TOKENS: Final = _ROWS.input_tokens + _ROWS.output_tokens
# A request in flight has in the ledger what it may use at most.
_IS_OVER: Final = _ROWS.state != "open"
# A price of zero is what the ledger has of a model that is in no price list.
_SUMS: Final = (
    func.sum(_ROWS.cost),
    func.sum(_TOKENS),
    func.sum(case((_ROWS.cost == 0, _TOKENS), else_=0)),
)


class GoalCost(NamedTuple):
    """What a goal has cost so far.

    Attributes:
        dollars: US dollars, of the requests whose price is known; those in flight are left out.
        tokens: Tokens sent and received, together.
        unpriced_tokens: Those of them that models used whose price is not known.
    """

    dollars: float = 0.0
    tokens: int = 0
    unpriced_tokens: int = 0


def costs_of(
    connection: Connection, tenancy: Tenancy, roots: Sequence[str], delegates: Sequence[str] = ()
) -> Mapping[str, GoalCost]:
    """Return what goals have cost, by workflow id; one that sent no request is left out.

    Args:
        connection: The connection.
        tenancy: Whose goals they are.
        roots: Goals that no other delegated: their delegates' requests count as theirs.
        delegates: Goals of which their own requests count.
    """
    found: dict[str, GoalCost] = {}
    for column, runs in ((_ROWS.root, roots), (_ROWS.workflow_id, delegates)):
        query = tenancy.limited(
            select(column, *_SUMS).where(column.in_(runs), _IS_OVER).group_by(column), _ROWS.tenant
        )
        for run, dollars, tokens, unpriced in connection.execute(query) if runs else ():
            found[run] = GoalCost(float(dollars), int(tokens), int(unpriced))
    return found
