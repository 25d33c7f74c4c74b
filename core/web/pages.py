"""Rendering of pages from the templates beside this module."""

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


def render_page(page: str, values: Mapping[str, object]) -> str:
    """Return a page as HTML.

    Args:
        page: The template's name without its suffix, such as ``agents``.
        values: The template's variables.
    """
    return _templates().get_template(f"{page}.html").render(values)
