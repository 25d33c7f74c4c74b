"""Signing in to the pages at the provider: the authorization code flow with PKCE."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from pydantic import ValidationError

from perdure.api.access.errors import TokenRefused
from perdure.api.access.principals import Principal
from perdure.api.oidc.provider import Provider
from perdure.api.oidc.tokens import TokenCheck
from perdure.models.base import Model
from perdure.settings import Settings
from perdure.stores.access.secrets import new_secret

_SCOPE: Final = "openid profile email"


class PendingSignIn(Model):
    """A sign-in that has begun, kept in a cookie of the browser that began it.

    Attributes:
        state: What the provider sends back with the code.
        nonce: What it puts into the token.
        verifier: What proves that who has the code has begun the sign-in.
        back: The page that was asked for.
    """

    state: str
    nonce: str
    verifier: str
    back: str

    def cookie(self) -> str:
        """Return the cookie's value."""
        return base64.urlsafe_b64encode(self.model_dump_json().encode()).decode()

    @classmethod
    def of_cookie(cls, value: str) -> "PendingSignIn | None":
        """Return the sign-in of a cookie's value; ``None`` for one that is none."""
        try:
            return cls.model_validate_json(base64.urlsafe_b64decode(value.encode()))
        except (ValueError, ValidationError):
            return None


class CodeFlow:
    """Sends people to the provider, and takes them back.

    Attributes:
        tokens: Checks the provider's tokens.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._provider = Provider(settings.oidc_issuer)
        self.tokens = TokenCheck(settings, self._provider)

    async def begin(self, redirect_uri: str, back: str) -> tuple[str, PendingSignIn]:
        """Return the provider's address to go to, and what to keep meanwhile.

        Raises:
            ProviderUnavailable: The provider does not answer.
        """
        pending = PendingSignIn(
            state=new_secret(), nonce=new_secret(), verifier=new_secret(), back=back
        )
        challenge = hashlib.sha256(pending.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": redirect_uri,
            "scope": _SCOPE,
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        endpoint = (await self._provider.metadata()).authorization_endpoint
        joint = "&" if "?" in endpoint else "?"
        return f"{endpoint}{joint}{urlencode(query)}", pending

    async def finish(
        self, query: Mapping[str, str], pending: PendingSignIn | None, redirect_uri: str
    ) -> Principal:
        """Return who has signed in.

        Args:
            query: What the provider sent the browser back with.
            pending: What the browser has kept.
            redirect_uri: Where it was sent back to.

        Raises:
            TokenRefused: Nobody has, or it is another browser, or the token is not valid.
            ProviderUnavailable: The provider does not answer, or refuses the code.
        """
        state = query.get("state", "")
        if pending is None or not hmac.compare_digest(state.encode(), pending.state.encode()):
            raise TokenRefused("the sign-in was begun in another browser, or too long ago")
        if query.get("iss", self._settings.oidc_issuer) != self._settings.oidc_issuer:
            raise TokenRefused("another provider sent this")
        if "code" not in query:
            raise TokenRefused("the provider did not let you in")
        form = {
            "grant_type": "authorization_code",
            "code": query["code"],
            "redirect_uri": redirect_uri,
            "code_verifier": pending.verifier,
        }
        client_id = self._settings.oidc_client_id
        secret = self._settings.oidc_client_secret
        answer = await self._provider.exchange(form, client_id, secret)
        claims = await self.tokens.claims(
            str(answer.get("id_token", "")), client_id, nonce=pending.nonce
        )
        if claims.get("azp", client_id) != client_id:
            raise TokenRefused("the token is for another client")
        return self.tokens.principal_of(claims)
