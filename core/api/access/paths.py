"""The paths that anybody may request; every other one needs a principal."""

from typing import Final

from perdure.models.uploads import UPLOAD_CONTENT_PATH

SIGN_IN: Final = "/sign-in"
SIGN_IN_AT_PROVIDER: Final = "/sign-in/provider"
SIGNED_IN_AT_PROVIDER: Final = "/sign-in/provider/callback"
SIGN_OUT: Final = "/sign-out"

PUBLIC: Final = frozenset(
    {"/healthz", "/readyz", SIGN_IN, SIGN_IN_AT_PROVIDER, SIGNED_IN_AT_PROVIDER}
)
# A worker that fetches an upload has a token for it alone, which the route checks.
PUBLIC_PREFIXES: Final = ("/static/", f"{UPLOAD_CONTENT_PATH}/")


def is_public(path: str) -> bool:
    """Return whether anybody may request a path."""
    return path in PUBLIC or path.startswith(PUBLIC_PREFIXES)
