"""Budgets on the command line: ``--budget NAME=AMOUNT``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.runtime.errors import WrongInput

if TYPE_CHECKING:
    from perdure.models import Budget

_NAMES: Final = ("cost", "tokens", "steps", "seconds")

budget_option = click.option(
    "--budget",
    "budgets",
    multiple=True,
    metavar="NAME=AMOUNT",
    help="What it may use at most: cost=DOLLARS, tokens=NUMBER, steps=NUMBER, seconds=SECONDS;"
    " several may be given.",
)


def read_budget(budgets: Sequence[str]) -> "Budget | None":
    """Return the budget that the pairs set; ``None`` for no pairs, which limit nothing.

    Raises:
        WrongInput: A pair names no part of a budget, or an amount does not fit.
    """
    if not budgets:
        return None
    from pydantic import ValidationError

    from perdure.models import Budget

    given: dict[str, str] = {}
    for pair in budgets:
        name, equals, amount = pair.partition("=")
        if not equals or name not in _NAMES:
            raise WrongInput(
                f"--budget {pair!r} limits nothing: write NAME=AMOUNT with one of"
                f" {', '.join(_NAMES)}, such as cost=0.50"
            )
        given[name] = amount.strip()
    try:
        # The texts of numbers, which only lax validation takes.
        return Budget.model_validate(given, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise WrongInput(f"--budget {name}={given[name]}: {first['msg']}") from error
