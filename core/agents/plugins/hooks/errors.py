"""Why a plugin cannot be used."""


class PluginError(Exception):
    """A plugin cannot be used; the message says in one sentence what, where, and what to do.

    Attributes:
        claims: The names of agents that it brings and others have, if that is why.
    """

    def __init__(self, message: str, claims: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.claims = claims
