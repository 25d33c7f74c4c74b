"""What a form of a page sent, which browsers encode as they do queries."""

from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request

from perdure.stores.database.errors import InputRefused

# The list of goals sends 500 that were chosen. What has a million keeps the server from others.
_MAX_FIELDS: Final = 1_000

SentForm = ImmutableMultiDict[str, str]


async def sent_form(request: Request) -> SentForm:
    """Return the fields of a form that was sent; ``get`` gives the last of several of one name.

    Raises:
        InputRefused: It has more fields than any form.
    """
    known: SentForm | None = getattr(request.state, "sent_form", None)
    if known is not None:
        return known
    body = (await request.body()).decode(errors="replace")
    try:
        fields = parse_qsl(body, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise InputRefused(
            f"the form has more than {_MAX_FIELDS:,} fields: send it from its page"
        ) from error
    request.state.sent_form = ImmutableMultiDict(fields)
    return request.state.sent_form  # type: ignore[no-any-return]
