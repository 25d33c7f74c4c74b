"""The page of hooks, from ``perdure.agents.hookspecs``."""

from types import FunctionType

from perdure.agents import hookspecs


def markdown() -> str:
    """Return one section for each hook: its signature, its docstring, its example."""
    return "\n".join(
        f"## {name}\n\n```{{eval-rst}}\n.. autofunction:: {hookspecs.__name__}.{name}\n```\n"
        for name in hooks()
    )


def hooks() -> list[str]:
    """Return the names of all hooks, in the order in which they are declared."""
    return [
        name
        for name, value in vars(hookspecs).items()
        if isinstance(value, FunctionType) and hasattr(value, f"{hookspecs.PROJECT}_spec")
    ]
