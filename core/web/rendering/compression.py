"""What pages send, compressed for browsers that take it so."""

import gzip
import secrets
from io import BytesIO
from typing import Final

from fastapi import Request

# What is smaller fits into one packet as it is.
LEAST_BYTES: Final = 1_400
_LEVEL: Final = 4
_MOST_NOISE: Final = 100


def takes_gzip(request: Request) -> bool:
    """Return whether whoever sends a request takes gzip in the response."""
    return "gzip" in request.headers.get("accept-encoding", "")


def compressed_page(content: bytes) -> bytes:
    """Return a page as gzip, longer by up to 100 bytes than it need be.

    A page shows secrets, such as a form's token, beside what its address says: whoever can have a
    browser request addresses, and see how long the responses are, could find out the secret letter
    by letter (the BREACH attack; Heal The Breach, Palacios et al. 2022, is this way against it).
    """
    sent = BytesIO()
    noise = "x" * secrets.randbelow(_MOST_NOISE)
    with gzip.GzipFile(noise, "wb", compresslevel=_LEVEL, fileobj=sent, mtime=0) as file:
        file.write(content)
    return sent.getvalue()
