"""Drawing pages from the templates beside this module."""

from collections.abc import Mapping
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("perdure.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def draw(page: str, values: Mapping[str, object]) -> str:
    """Return a page as HTML.

    Args:
        page: The template's name without its ending, such as ``agents``.
        values: What it shows.
    """
    return _templates().get_template(f"{page}.html").render(values)
