"""Whether the API may listen where it is to listen."""

from collections.abc import Callable

from perdure.api.access.authentication import LOOPBACK, needs_credentials
from perdure.api.access.errors import RefusedAddress
from perdure.settings import Settings
from perdure.stores import open_stores


async def check_address(settings: Settings, report_waiting: Callable[[str], None]) -> None:
    """Check that nobody but this machine reaches an API that asks for no key.

    Args:
        settings: Where it is to listen, who may use it.
        report_waiting: Takes a line for people while a database that does not answer is waited for.

    Raises:
        RefusedAddress: Others would, and nobody has a key.
        StoreUnavailable: The stores cannot be opened.
    """
    if settings.api_keys or settings.oidc_issuer or not needs_credentials(settings):
        return
    async with open_stores(settings, report_waiting) as stores:
        if await stores.access.keys.exist():
            return
    place = (
        f"does not listen on {settings.host}"
        if settings.host not in LOOPBACK
        else "takes no requests from PERDURE_TRUSTED_PROXIES"
    )
    raise RefusedAddress(
        f"the API {place} without keys: make one with perdure keys create, or leave PERDURE_HOST at"
        " 127.0.0.1 and PERDURE_TRUSTED_PROXIES empty"
    )
