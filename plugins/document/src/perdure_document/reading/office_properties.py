"""What Office documents say of themselves, all in the same way."""

from datetime import datetime
from typing import Final, Protocol

from perdure_document.formatting import flat

_FIELDS: Final = {
    "title": "title",
    "author": "author",
    "creator": "author",
    "subject": "subject",
    "keywords": "keywords",
    "category": "category",
    "last_modified_by": "last_modified_by",
    "lastModifiedBy": "last_modified_by",
    "created": "created",
    "modified": "modified",
}
_TEMPLATE_AUTHORS: Final = {"python-docx", "openpyxl", "Steve Canny"}


class CoreProperties(Protocol):
    """The part of an Office document that names its author, its dates and the like."""


def properties(core: CoreProperties) -> dict[str, str]:
    """Return the properties that are set, dates as ISO 8601.

    What libraries write when nobody set anything is left out.
    """
    found: dict[str, str] = {}
    for name, told in _FIELDS.items():
        value: object = getattr(core, name, None)
        text = value.isoformat() if isinstance(value, datetime) else flat(str(value or ""))
        if text and text not in _TEMPLATE_AUTHORS:
            found.setdefault(told, text)
    return found
