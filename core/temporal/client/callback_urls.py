"""Which URLs the events of goals may be posted to."""

from perdure.agents.steps.errors import InputError
from perdure.agents.web_client.addresses import Allowed, HostUnknown, checked_addresses
from perdure.settings import Settings
from perdure.stores.database.errors import InputRefused


class CallbackRefused(InputRefused):
    """Nothing is posted to the URL that a caller gave."""


class CallbackUrls:
    """The URLs that callers may have the events of their goals posted to."""

    def __init__(self, settings: Settings) -> None:
        """Bind it to what the settings allow beside public addresses.

        Raises:
            InputError: ``PERDURE_CALLBACK_ALLOW`` has something in it that is no host or network.
        """
        self._is_on = bool(settings.callback_secret)
        self._allowed = callback_addresses(settings)

    async def check(self, url: str) -> None:
        """Check a URL when a goal is handed in; its addresses are checked again at every post.

        Raises:
            CallbackRefused: It is none, its host is not public, or no secret is set to sign with.
        """
        from perdure.agents.web_client.exchange import parse_url

        if not self._is_on:
            raise CallbackRefused(
                "callbacks are off here: set PERDURE_CALLBACK_SECRET, with which they are signed,"
                " for the API and the workers"
            )
        try:
            parsed = parse_url(url)
            port = parsed.port or {"http": 80, "https": 443}[parsed.scheme]
            await checked_addresses(parsed.raw_host.decode("ascii"), port, self._allowed)
        except HostUnknown:
            return  # it may have an address by the time that something is posted
        except InputError as error:
            raise CallbackRefused(str(error)) from error


def callback_addresses(settings: Settings) -> Allowed:
    """Return where callbacks may go beside public addresses.

    Raises:
        InputError: The setting names what is none.
    """
    return Allowed.from_setting(settings.callback_allow, "PERDURE_CALLBACK_ALLOW")
