"""Patches of what a model changed."""

from collections.abc import Mapping

from perdure_code.models.editing.edited_repository import EditedRepository
from perdure_code.repository.unified_diff import difference


def patch_of(repository: EditedRepository, changed: Mapping[str, str]) -> str:
    """Return a unified diff for ``git apply`` and ``patch -p1`` in the repository's folder.

    Args:
        repository: The repository.
        changed: The whole new text of each changed or added file, by path.
    """
    return "".join(
        difference(path, repository.original(path), text).text
        for path, text in sorted(changed.items())
    )
