"""Making the names in a folder durable."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Write a folder's names to the disk.

    Without it a power cut may lose the name of a file whose content is there.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
