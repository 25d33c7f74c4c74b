"""What Temporal's UI sends to have payloads opened or sealed, and gets back."""

import base64
import binascii
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_MAX_PAYLOADS: Final = 10_000
_MAX_METADATA: Final = 100


def _checked_base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("this is no base64") from None
    return text


Base64 = Annotated[str, AfterValidator(_checked_base64)]


class CodecPayload(BaseModel):
    """One payload of Temporal's, in the JSON of its API.

    Attributes:
        metadata: What it is, above all ``encoding``; values in base64.
        data: Its bytes, in base64.
    """

    # Of the UI's own making: what a later version adds is of no concern here.
    model_config = ConfigDict(extra="ignore")

    metadata: Annotated[dict[str, Base64], Field(max_length=_MAX_METADATA)] = {}
    data: Base64 = ""


class CodecPayloads(BaseModel):
    """Payloads, which come back in the same order."""

    model_config = ConfigDict(extra="ignore")

    payloads: Annotated[list[CodecPayload], Field(max_length=_MAX_PAYLOADS)] = []
