"""The part of a run that stores files, and reads those of its delegates."""

import mimetypes
from pathlib import Path

from perdure.agents.events.step_events import StepEvents
from perdure.agents.runs.artifact_names import ArtifactNames, check_media_type
from perdure.agents.steps.errors import PermanentError
from perdure.agents.steps.journal import ArtifactWriter
from perdure.agents.steps.steps import Steps
from perdure.models import Artifact


class RunArtifacts:
    """Stores files and reads them; the base class of :class:`~perdure.agents.Run`."""

    artifacts: dict[str, Artifact]
    steps: Steps
    events: StepEvents
    _artifact_names: ArtifactNames
    _artifact_writer: ArtifactWriter

    async def artifact(
        self, name: str, content: bytes | str | Path, *, media_type: str | None = None
    ) -> Artifact:
        """Store a file that belongs to the result.

        Args:
            name: Its relative path in the result, such as ``charts/sales.svg``; the
                same name again replaces the file. ``result.json`` is taken.
            content: Its bytes, its text (kept as UTF-8), or the path of a file to copy.
            media_type: Its type; guessed from the name when not given.

        Raises:
            PermanentError: The name is absolute, leads out of its folder, is longer than 500
                characters, or collides with that of another artifact: as its folder or a file in
                it, or but for case; it turns the direction of text round; the media type is none;
                or the text is not UTF-8's.
        """
        self.steps.raise_if_closed()
        if media_type is not None:
            check_media_type(media_type)
        guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
        try:
            body = bytes(content, "utf-8") if isinstance(content, str) else content
        except UnicodeEncodeError as error:
            raise PermanentError(
                f"the text of artifact {name!r} holds half a surrogate pair, which is no character:"
                " decode what it was made from with errors='replace', or hand over bytes"
            ) from error
        with self.steps.in_flight(), self._artifact_names.writing(name) as path:
            artifact = await self._artifact_writer.write(path, body, media_type or guessed)
            self.artifacts[artifact.name] = artifact
            await self.events.emit(artifact)
        return artifact

    async def read_artifact(self, artifact: Artifact) -> bytes:
        """Return the content of a file that this run, or one that it delegated to, has made.

        Args:
            artifact: The file, as :meth:`artifact` returns it or a delegate's result lists it.

        Raises:
            PermanentError: Its content is not in these stores.
        """
        try:
            return await self._artifact_writer.read(artifact)
        except LookupError as error:
            reason = error.args[0] if error.args else error
            raise PermanentError(
                f"artifact {artifact.name!r} is not in the stores of this worker ({reason}): give"
                " every worker of a task queue the same PERDURE_ARTIFACTS_URL, or one PERDURE_HOME"
            ) from error
