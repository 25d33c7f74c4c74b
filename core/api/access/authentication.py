"""Who sends a request: known by a key, by a session's cookie, or as this machine."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from perdure.api.access.errors import Unauthenticated
from perdure.api.access.principals import ALL_SCOPES, Principal, scopes_of
from perdure.api.access.quotas import FailedAttempts
from perdure.models import DEFAULT_TENANT
from perdure.schemas.access import Scope
from perdure.settings import Settings
from perdure.stores.access.access_stores import AccessStores
from perdure.stores.access.secrets import is_digest_of
from perdure.stores.access.sessions import SessionRecord
from perdure.stores.database.errors import UnknownKey

# Who a token of the identity provider is of.
OfToken = Callable[[str], Awaitable[Principal | None]]

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
SESSION_COOKIE: Final = "perdure-session"

LOCAL: Final = Principal("this machine", DEFAULT_TENANT, ALL_SCOPES)
# A key of the settings has no id; the beginning of its digest tells it from the others.
_DIGEST_CHARACTERS: Final = 12
_MAX_CREDENTIAL_CHARACTERS: Final = 16_384


class Authentication:
    """Finds out who sends a request.

    Attributes:
        failed_attempts: How many keys that are not known came from which address.
    """

    def __init__(
        self, access: AccessStores, settings: Settings, of_token: OfToken | None = None
    ) -> None:
        self._of_token = of_token
        self._access = access
        self.failed_attempts = FailedAttempts()
        self._settings = settings

    async def is_open(self) -> bool:
        """Return whether whoever reaches the API may use it: it is this machine's own.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        return not needs_credentials(self._settings) and not await self._access.keys.exist()

    async def principal(self, headers: Headers) -> Principal:
        """Return who sends a request with these headers.

        Raises:
            Unauthenticated: Nobody is known.
            StoreUnavailable: The database does not answer.
        """
        authorization = headers.get("authorization")
        found = None
        if authorization is not None:
            scheme, _, credential = authorization.partition(" ")
            if scheme.lower() == "bearer":
                found = await self.by_key(credential.strip())
        elif cookie := cookies_of(headers).get(SESSION_COOKIE):
            found = await self.by_session(cookie)
        if found is not None:
            return found
        if await self.is_open():
            return LOCAL
        if authorization is not None:
            raise Unauthenticated(
                "the key is not known here, was revoked or has expired: send one that is valid as"
                " 'Authorization: Bearer <key>'",
                was_tried=True,
            )
        raise Unauthenticated("send a key this server knows as 'Authorization: Bearer <key>'")

    async def by_key(self, key: str) -> Principal | None:
        """Return whose key this is, or token of the identity provider; ``None`` if it is invalid.

        Raises:
            StoreUnavailable: The database does not answer.
            ProviderUnavailable: The provider does not.
        """
        if not 0 < len(key) <= _MAX_CREDENTIAL_CHARACTERS:
            return None
        # All of them, so that the time does not say which one fits.
        matches = [digest for digest in self._settings.api_keys if is_digest_of(digest, key)]
        if matches:
            return _of_settings(matches[0])
        record = await self._access.keys.authenticate(key)
        if record is None:
            return await self._of_token(key) if self._of_token and key.count(".") == 2 else None
        return Principal(record.name, record.tenant, scopes_of(record.scopes), record.key_id)

    async def by_session(self, cookie: str) -> Principal | None:
        """Return who is signed in with a cookie; ``None`` when nobody is, or their key has ended.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        session = await self._access.sessions.get(cookie)
        if session is None or not await self._lasts(session):
            return None
        return Principal(
            session.name,
            session.tenant,
            scopes_of(session.scopes),
            session.key_id,
            is_person=session.key_id is None,
            by_cookie=True,
        )

    async def _lasts(self, session: SessionRecord) -> bool:
        """Return whether the key of a session, if it has one, may still be used."""
        if session.key_id is None:
            return True
        own = {_of_settings(digest).key_id for digest in self._settings.api_keys}
        if session.key_id in own:
            return True
        try:
            return (await self._access.keys.get(session.key_id)).is_valid(datetime.now(UTC))
        except UnknownKey:
            return False


def needs_credentials(settings: Settings) -> bool:
    """Return whether the settings alone say that callers must prove who they are."""
    return bool(
        settings.api_keys
        or settings.oidc_issuer
        or settings.trusted_proxies
        or settings.host not in LOOPBACK
    )


def cookies_of(headers: Headers) -> Mapping[str, str]:
    """Return the cookies of a request."""
    return {
        name: value
        for header in headers.getlist("cookie")
        for name, value in cookie_parser(header).items()
    }


def _of_settings(digest: str) -> Principal:
    beginning = digest.lower()[:_DIGEST_CHARACTERS]
    scopes = frozenset(Scope)
    return Principal(f"key {beginning}", DEFAULT_TENANT, scopes, f"setting-{beginning}")
