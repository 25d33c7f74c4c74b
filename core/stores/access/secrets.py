"""Random secrets that are given away once and kept as digests."""

import hashlib
import hmac
import secrets


def new_secret() -> str:
    """Return a new random secret of 256 bits, 43 characters that need no quoting."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """Return a secret's SHA-256 in hexadecimal. It is random and long, so a fast hash is safe."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def is_digest_of(digest: str, secret: str) -> bool:
    """Return whether a digest is a secret's, in a time that does not depend on how much fits."""
    return hmac.compare_digest(digest.lower().encode(), digest_of(secret).encode())
