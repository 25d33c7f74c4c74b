"""Why a plugin cannot be used."""


class PluginError(Exception):
    """A plugin cannot be used; the message says in one sentence what, where, and what to do."""
