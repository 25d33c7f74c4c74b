"""Tokens of the identity provider: whether they are valid, and who they are of."""

import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError

from perdure.api.access.errors import TokenRefused
from perdure.api.access.principals import Principal, scopes_of
from perdure.api.oidc.provider import Provider
from perdure.models import DEFAULT_TENANT
from perdure.settings import Settings
from perdure.stores.database.errors import InputRefused
from perdure.stores.database.tenancy import check_tenant

# Asymmetric ones alone: with none or HMAC whoever knows what is public could sign.
ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
    "Ed25519", "EdDSA",
)  # fmt: skip
# Other kinds, such as those that sign people out, are signed with the same keys.
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
LEEWAY_SECONDS: Final = 30
_MAX_NAME_CHARACTERS: Final = 200

Claims = Mapping[str, Any]


class TokenCheck:
    """Checks the tokens of a provider."""

    def __init__(self, settings: Settings, provider: Provider) -> None:
        self._settings = settings
        self._provider = provider

    async def principal(self, token: str) -> Principal | None:
        """Return who a bearer token is of; ``None`` for one that is not valid.

        Raises:
            ProviderUnavailable: The provider's keys cannot be fetched.
        """
        audience = self._settings.oidc_audience or self._settings.oidc_client_id
        try:
            return self.principal_of(await self.claims(token, audience))
        except TokenRefused:
            return None

    async def claims(self, token: str, audience: str, nonce: str | None = None) -> Claims:
        """Return the claims of a valid token.

        Args:
            token: The token.
            audience: Whom it has to be for.
            nonce: What a sign-in sent along, which its token has to bring back.

        Raises:
            TokenRefused: It is malformed, forged, of another issuer, for somebody else, expired or
                not yet valid.
            ProviderUnavailable: The provider's keys cannot be fetched.
        """
        try:
            header = jws.extract_compact(token.encode()).headers()
            if header.get("alg") not in ALGORITHMS:
                raise TokenRefused("its algorithm is not allowed")
            if str(header.get("typ", "JWT")).lower() not in _TYPES:
                raise TokenRefused("it is a token of another kind")
            key_id = header.get("kid")
            keys = await self._provider.keys(key_id if isinstance(key_id, str) else None)
            claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
            rules = jwt.JWTClaimsRegistry(
                leeway=LEEWAY_SECONDS,
                iss={"essential": True, "value": self._settings.oidc_issuer},
                aud={"essential": True, "value": audience},
                exp={"essential": True},
                sub={"essential": True},
            )
            rules.validate(claims)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise TokenRefused(f"it is not valid ({type(error).__name__})") from None
        if nonce is not None and not hmac.compare_digest(
            str(claims.get("nonce", "")).encode(), nonce.encode()
        ):
            raise TokenRefused("it answers another sign-in")
        return claims

    def principal_of(self, claims: Claims) -> Principal:
        """Return who claims describe, with the tenant and scopes that the settings say.

        Raises:
            TokenRefused: They name no tenant, or one that cannot be.
        """
        settings = self._settings
        tenant: object = DEFAULT_TENANT
        if settings.oidc_tenant_claim:
            tenant = _claim(claims, settings.oidc_tenant_claim)
        if not isinstance(tenant, str):
            raise TokenRefused(f"it has no claim {settings.oidc_tenant_claim}")
        try:
            check_tenant(tenant)
        except InputRefused as error:
            raise TokenRefused(f"its claim {settings.oidc_tenant_claim} is no tenant") from error
        has = set(_values(_claim(claims, settings.oidc_scopes_claim)))
        granted = (
            scope
            for value, _, scope in (entry.rpartition("=") for entry in settings.oidc_scopes)
            if not value or value in has
        )
        return Principal(_name(claims), tenant, scopes_of(granted), is_person=True)


def _claim(claims: Claims, path: str) -> object:
    """Return a claim, or one within others, as ``realm_access.roles``."""
    if path in claims:  # names may have dots, and those that are addresses do
        return claims[path]
    found: object = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _values(claim: object) -> Iterable[str]:
    if isinstance(claim, str):
        return claim.split()
    return [item for item in claim if isinstance(item, str)] if isinstance(claim, list) else []


def _name(claims: Claims) -> str:
    # Other names may be chosen by whom they are of, and taken by somebody else later.
    email = claims.get("email") if claims.get("email_verified") is True else None
    name = str(email or claims["sub"])
    printable = "".join(character for character in name if character.isprintable())
    return printable[:_MAX_NAME_CHARACTERS]
