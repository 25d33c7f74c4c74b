"""What keeps the code of a repository from the rest of a machine."""

from enum import StrEnum


class Isolation(StrEnum):
    """What keeps the code of a repository from the rest of a machine.

    Attributes:
        BUBBLEWRAP: Namespaces of its own, and an unprivileged user.
        NONE: Nothing: it runs with the worker's rights.
    """

    BUBBLEWRAP = "bubblewrap"
    NONE = "none"
