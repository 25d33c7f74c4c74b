"""The archived texts of sources as artifacts, so that every quotation can be looked up later."""

import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import Field

from perdure.agents import Artifact, Run
from perdure_research.sources.source import Fact, Source

ARCHIVE: Final = "sources.zip"
# Of all texts together; more than that is no file that anybody opens.
_MOST_CHARACTERS: Final = 60_000_000
_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)


class Archive(Fact):
    """The artifacts that hold archived texts.

    Attributes:
        artifacts: The artifacts.
        names: The artifact of each source's text, by the source's id; of a file in the archive,
            ``sources.zip/`` and its name.
    """

    artifacts: tuple[Artifact, ...] = ()
    names: dict[str, str] = Field(default_factory=dict)


async def archive_texts(
    run: Run, sources: Sequence[Source], text_of: Callable[[str], str], cited: list[str]
) -> Archive:
    """Deliver the archived texts: those that are cited as files, all of them in one archive.

    Args:
        run: The run; in a step of it.
        sources: All sources.
        text_of: Returns the archived text of a source; called in a thread too.
        cited: The ids of those that are cited.
    """
    artifacts, names = [], {}
    wanted = [source for source in sources if source.id in set(cited)]
    for source in wanted:
        name = f"sources/{source.id}.txt"
        artifacts.append(await run.artifact(name, _encoded(text_of(source.id))))
        names[source.id] = name
    rest = [source for source in sources if source.id not in names]
    if rest and sum(source.characters for source in sources) <= _MOST_CHARACTERS:
        # The next question about the same sources delivers the same file.
        known = [[source.id, source.sha256] for source in sources]
        making = partial(_pack, sources, text_of)
        async with run.cache.file("archive", known, making, version=1) as packed:
            artifacts.append(await run.artifact(ARCHIVE, packed))
        names.update({source.id: f"{ARCHIVE}/{source.id}.txt" for source in rest})
    return Archive(artifacts=tuple(artifacts), names=names)


def _pack(sources: Sequence[Source], text_of: Callable[[str], str], path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for source in sources:
            # A fixed date, so that the same sources give the same file.
            entry = zipfile.ZipInfo(f"{source.id}.txt", _FIRST_DAY)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, _encoded(text_of(source.id)))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
