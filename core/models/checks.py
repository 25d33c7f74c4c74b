"""The checks of ``perdure doctor``."""

from perdure.models.base import Model


class Check(Model):
    """One line of ``perdure doctor``.

    Attributes:
        part: What is checked.
        found: Whether it is there and works.
        version: Its version, where it has one.
        where: A path or an address.
        advice: What to do when it is not there.
        required: Whether Perdure, or the agent that asks, cannot work without it.
    """

    part: str
    found: bool
    version: str = ""
    where: str = ""
    advice: str = ""
    required: bool = True
