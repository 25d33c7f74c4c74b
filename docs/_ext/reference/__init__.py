"""Reference pages that are made from the code: a page names one, and it is put at its end.

A page whose Markdown ends in the comment ``% generated: settings`` gets what
:mod:`reference.settings` writes, as Markdown, in that place. Nothing of it is committed, so it
cannot grow old.
"""

import re
from collections.abc import Callable
from typing import Final

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from reference import adapters, api, client, commands, hooks, http, problems, settings

GENERATED: Final[dict[str, Callable[[], str]]] = {
    "adapters": adapters.markdown,
    "hooks": hooks.markdown,
    "agents": api.markdown_of("perdure.agents"),
    "testing": api.markdown_of("perdure.testing"),
    "settings": settings.markdown,
    "commands": commands.markdown,
    "http": http.markdown,
    "problems": problems.markdown,
    "client": client.markdown,
}

_MARK: Final = re.compile(r"^% generated: (.+)$", re.MULTILINE)


def setup(app: Sphinx) -> dict[str, bool]:
    """Take part in the reading of pages."""
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _fill(app: Sphinx, page: str, source: list[str]) -> None:
    def generated(mark: re.Match[str]) -> str:
        if mark[1] not in GENERATED:
            raise ExtensionError(
                f"{page}.md asks for {mark[1]!r}, which is not made: choose one of"
                f" {', '.join(GENERATED)}"
            )
        # The page depends on the code, which Sphinx does not watch.
        app.env.note_reread()
        return GENERATED[mark[1]]()

    source[0] = _MARK.sub(generated, source[0])
