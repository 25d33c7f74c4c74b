"""What a page shows of a file: made from its content, up to a size for each kind."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

from markupsafe import Markup

from perdure.models import Artifact
from perdure.web.artifacts.diffs import Diff, read_diff
from perdure.web.artifacts.kinds import ArtifactKind, kind_of
from perdure.web.artifacts.markdown import render_markdown
from perdure.web.artifacts.pdf_pages import can_show_pages
from perdure.web.artifacts.tables import Table, read_table

# How many bytes are read of a file; of a picture or a page, how large one may be to be shown.
_LIMITS: Final[Mapping[ArtifactKind, int]] = {
    "markdown": 512 * 1024,
    "table": 256 * 1024,
    "diff": 512 * 1024,
    "json": 256 * 1024,
    "text": 256 * 1024,
    "picture": 20 * 1024 * 1024,
    "page": 20 * 1024 * 1024,
    "pdf": 100 * 1024 * 1024,
}
# More than this is read of none: a page or a picture is fetched by the browser.
READ_BYTES: Final = 512 * 1024 + 1
_LONG_CHARACTERS: Final = 12_000
_WHOLE: Final = {"picture", "page", "pdf"}


@dataclass(frozen=True, slots=True)
class ArtifactView:
    """A file as a page shows it.

    Attributes:
        artifact: The file.
        kind: What it is shown as; ``none`` when it is to download alone.
        address: Where the file is.
        frame: Where a page of its own is, or the first page of a PDF as a picture without its
            number.
        html: Markdown as HTML; ``None`` of anything else.
        table: The beginning of a table.
        diff: A diff.
        text: A text, or JSON with line breaks.
        note: What of it is not shown, and why; empty when all of it is.
    """

    artifact: Artifact
    kind: ArtifactKind
    address: str
    frame: str = ""
    html: Markup | None = None
    table: Table | None = None
    diff: Diff | None = None
    text: str = ""
    note: str = ""

    @property
    def is_long(self) -> bool:
        """Whether a report is so long that its beginning is shown at first."""
        return self.html is not None and len(self.html) > _LONG_CHARACTERS


def artifact_url(workflow_id: str, name: str) -> str:
    """Return the address from which a file is downloaded."""
    return f"/api/goals/{quote(workflow_id)}/artifacts/{quote(name)}"


def framed_url(workflow_id: str, name: str) -> str:
    """Return the address of a page that an agent made, which is shown in a frame."""
    return f"/goals/{quote(workflow_id)}/framed/{quote(name)}"


def pages_url(workflow_id: str, name: str) -> str:
    """Return the address of the pages of a PDF as pictures, to which ``?page=1`` is added."""
    return f"/goals/{quote(workflow_id)}/pages/{quote(name)}"


def shown_url(workflow_id: str, name: str) -> str:
    """Return the address of the goal's page with a file shown."""
    return f"/goals/{quote(workflow_id)}?file={quote(name, safe='')}#result"


async def view_artifact(
    workflow_id: str, artifact: Artifact, path: Path, artifacts: Sequence[Artifact]
) -> ArtifactView:
    """Return a file as a page shows it.

    Args:
        workflow_id: Its run.
        artifact: The file.
        path: Where its content lies.
        artifacts: All files of the run, to which a report may refer.
    """
    return await asyncio.to_thread(_view, workflow_id, artifact, path, artifacts)


def _view(
    workflow_id: str, artifact: Artifact, path: Path, artifacts: Sequence[Artifact]
) -> ArtifactView:
    kind = kind_of(artifact)
    nothing = ArtifactView(artifact, "none", artifact_url(workflow_id, artifact.name))
    if kind == "none" or (kind in _WHOLE and artifact.size > _LIMITS[kind]):
        return nothing
    if kind in _WHOLE:
        return _whole(nothing, kind, workflow_id)
    text, is_cut = _read(path, _LIMITS[kind])
    if "\0" in text:
        return nothing
    note = f"The first {_LIMITS[kind] // 1024} KiB of it are shown." if is_cut else ""
    view = replace(nothing, kind=kind, note=note)
    if kind == "markdown":
        view = replace(view, html=render_text(workflow_id, artifact.name, text, artifacts))
    elif kind == "diff":
        view = replace(view, diff=read_diff(text))
    elif kind == "table" and (table := read_table(text, is_cut=is_cut)) is not None:
        view = replace(view, table=table, note="")
    else:
        is_whole_json = kind == "json" and not is_cut
        view = replace(view, kind="text", text=_indented(text) if is_whole_json else text)
    return view


def _whole(nothing: ArtifactView, kind: ArtifactKind, workflow_id: str) -> ArtifactView:
    """Return the view of a file that the browser fetches as a whole."""
    name = nothing.artifact.name
    if kind == "page":
        return replace(nothing, kind=kind, frame=framed_url(workflow_id, name))
    if kind == "pdf":
        if not can_show_pages():
            return nothing
        return replace(nothing, kind=kind, frame=pages_url(workflow_id, name))
    return replace(nothing, kind=kind)


def _read(path: Path, limit: int) -> tuple[str, bool]:
    with path.open("rb") as file:
        content = file.read(limit + 1)
    is_cut = len(content) > limit
    text = content[:limit].decode("utf-8-sig", errors="ignore" if is_cut else "replace")
    return text.replace("\r\n", "\n"), is_cut


def render_text(workflow_id: str, name: str, text: str, artifacts: Sequence[Artifact]) -> Markup:
    """Return Markdown that an agent wrote as safe HTML.

    Args:
        workflow_id: The run.
        name: The name of the file that it stands in; empty for a summary.
        text: The Markdown.
        artifacts: All files of the run, to which it may refer.
    """
    kinds = {one.name: kind_of(one) for one in artifacts}

    def picture(name: str) -> str | None:
        return artifact_url(workflow_id, name) if kinds.get(name) == "picture" else None

    def link(name: str) -> str | None:
        if name not in kinds:
            return None
        if kinds[name] == "none":
            return artifact_url(workflow_id, name)
        return shown_url(workflow_id, name)

    return render_markdown(text, name, picture, link)


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
