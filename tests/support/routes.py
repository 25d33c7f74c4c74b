"""Every route of the site, found in the application itself: none can be forgotten by a test."""

from collections.abc import Iterator, Sequence
from typing import Any

from perdure.api.access.requirements import Requirement
from perdure.settings import Settings
from perdure.web.site import create_site


def routes_of(routes: Sequence[Any]) -> Iterator[Any]:
    """Yield every route, those of included routers too."""
    for route in routes:
        if hasattr(route, "effective_candidates"):
            yield from routes_of(route.effective_candidates())
        else:
            yield route


def every_requirement() -> list[tuple[str, str, Requirement | None]]:
    """Return method, path and requirement of each route of the site."""
    app = create_site(None, Settings(_env_file=None))  # type: ignore[arg-type]
    found = []
    for route in routes_of(app.routes):
        needed = [
            dependency.call
            for dependency in getattr(getattr(route, "dependant", None), "dependencies", ())
            if isinstance(dependency.call, Requirement)
        ]
        assert len(needed) <= 1, route.path
        found += [
            (method, route.path, needed[0] if needed else None)
            for method in sorted(route.methods - {"HEAD"})
        ]
    return found
