"""An identity provider: its addresses and its keys, fetched from it and kept for a while."""

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, import_key
from pydantic import BaseModel, TypeAdapter, ValidationError

from perdure.api.access.errors import ProviderUnavailable, TokenRefused

_DISCOVERY: Final = "/.well-known/openid-configuration"
_TIMEOUT_SECONDS: Final = 10.0
_MAX_BYTES: Final = 1_000_000
_LIFETIME_SECONDS: Final = 3_600.0
# A token may name any key: none makes this server ask the provider more often than this.
_RENEWAL_SECONDS: Final = 30.0
# How it says that a code is used, or another client's.
_REFUSED: Final = frozenset({400, 401, 403})
_ASYMMETRIC: Final = frozenset({"RSA", "EC", "OKP"})
_JSON: Final[TypeAdapter[dict[str, Any]]] = TypeAdapter(dict[str, Any])


class Metadata(BaseModel):
    """What a provider says of itself.

    Attributes:
        issuer: Its name, the ``iss`` of its tokens.
        authorization_endpoint: Where people are sent to sign in.
        token_endpoint: Where a code becomes tokens.
        jwks_uri: Where its keys are.
        token_endpoint_auth_methods_supported: How it wants a client's secret.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Provider:
    """The provider of an issuer."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self._metadata: Metadata | None = None
        self._keys = KeySet([])
        self._fetched_at = self._metadata_at = float("-inf")
        self._lock = asyncio.Lock()

    async def metadata(self) -> Metadata:
        """Return the provider's addresses.

        Raises:
            ProviderUnavailable: It does not answer, or is another one than it should be.
        """
        if self._metadata is None or monotonic() - self._metadata_at > _LIFETIME_SECONDS:
            document = await self._get(self.issuer.rstrip("/") + _DISCOVERY)
            try:
                metadata = Metadata.model_validate(document)
            except ValidationError as error:
                raise self._unavailable("its configuration lacks what a provider's has") from error
            if metadata.issuer != self.issuer:
                raise self._unavailable(f"it calls itself {metadata.issuer!r}")
            self._metadata, self._metadata_at = metadata, monotonic()
        return self._metadata

    async def keys(self, key_id: str | None) -> KeySet:
        """Return the provider's keys; they are fetched again where a key is not among them.

        Args:
            key_id: The key that is needed; ``None`` where a token names none.

        Raises:
            ProviderUnavailable: It does not answer, or not with keys.
        """
        if self._has(key_id):
            return self._keys
        async with self._lock:  # many tokens at once, after the provider has changed its keys
            age = monotonic() - self._fetched_at
            if not self._has(key_id) and age > _RENEWAL_SECONDS:
                await self._fetch_keys()
        return self._keys

    def _has(self, key_id: str | None) -> bool:
        if monotonic() - self._fetched_at > _LIFETIME_SECONDS:
            return False
        return key_id is None or any(key.kid == key_id for key in self._keys.keys)

    async def _fetch_keys(self) -> None:
        document = await self._get((await self.metadata()).jwks_uri)
        keys = []
        listed = document.get("keys")
        for data in listed if isinstance(listed, list) else ():
            if not isinstance(data, dict) or data.get("kty") not in _ASYMMETRIC:
                continue
            try:
                keys.append(import_key(data))
            except (JoseError, ValueError, KeyError, TypeError):
                continue  # of a kind that is not known here: what it signs is refused
        self._keys, self._fetched_at = KeySet(keys), monotonic()

    async def exchange(
        self, form: Mapping[str, str], client_id: str, secret: str
    ) -> dict[str, Any]:
        """Return what the provider gives for a code.

        Args:
            form: What the exchange is about.
            client_id: Who exchanges it.
            secret: The client's secret; empty for a client without.

        Raises:
            TokenRefused: It does not take the code.
            ProviderUnavailable: It does not answer.
        """
        metadata = await self.metadata()
        sent = dict(form)
        credentials: httpx.BasicAuth | None = None
        if secret and "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            credentials = httpx.BasicAuth(client_id, secret)
        else:
            sent |= {"client_id": client_id} | ({"client_secret": secret} if secret else {})
        try:
            return await self._request("POST", metadata.token_endpoint, data=sent, auth=credentials)
        except ProviderUnavailable as error:
            if error.status in _REFUSED:
                raise TokenRefused("the provider does not take the code") from error
            raise

    async def _get(self, url: str) -> dict[str, Any]:
        return await self._request("GET", url)

    async def _request(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        try:
            async with (
                httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, follow_redirects=False) as client,
                client.stream(method, url, headers={"Accept": "application/json"}, **more) as got,
            ):
                got.raise_for_status()
                content = b""
                async for piece in got.aiter_bytes():
                    content += piece
                    if len(content) > _MAX_BYTES:
                        raise self._unavailable(f"{url} answers with more than it should")
            return _JSON.validate_json(content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The error of a request may repeat what was sent, and that is secret.
            status = getattr(getattr(error, "response", None), "status_code", None)
            reason = f"status {status}" if status else type(error).__name__
            raise self._unavailable(f"{url}: {reason}", status) from None
        except ValidationError as error:
            raise self._unavailable(f"{url} does not answer with JSON") from error

    def _unavailable(self, reason: str, status: int | None = None) -> ProviderUnavailable:
        return ProviderUnavailable(
            f"the identity provider {self.issuer} cannot be used ({reason}): try again, or check"
            " PERDURE_OIDC_ISSUER",
            status,
        )
