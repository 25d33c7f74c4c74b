"""Reading MSG, an e-mail as Outlook keeps it."""

from email.header import decode_header, make_header
from email.utils import format_datetime, formataddr
from pathlib import Path
from typing import Final

from oxmsg import Message as OutlookMessage

from perdure_document.facts import Attachment, Document, Source
from perdure_document.formatting import flat
from perdure_document.reading.mail.message import Message, Text
from perdure_document.reading.office_archive import reading

_RECIPIENT_TYPE: Final = 0x0C15
_RTF: Final = 0x1009
_TYPES: Final = {1: "To", 2: "Cc", 3: "Bcc"}


def read_msg(source: Source, file: Path) -> Document:
    """Read an e-mail of Outlook.

    Raises:
        InputError: It cannot be read.
    """
    with reading(file, "msg"):
        found = OutlookMessage.load(str(file))
        sender = _decoded(found.sender or "")
        message = Message(
            headers=[("From", sender), *_recipients(found)],
            subject=flat(found.subject or ""),
            author=flat(sender),
        )
        if found.sent_date is not None:
            message.headers.append(("Date", format_datetime(found.sent_date)))
            message.created = found.sent_date.isoformat()
        html, plain = found.html_body or "", found.body or ""
        if html.strip() or plain.strip():
            message.parts.append(Text(html, html=True) if html.strip() else Text(plain))
        elif found.properties.binary_prop_value(_RTF):
            message.left_out["text in RTF"] += 1
        for one in found.attachments:
            name = flat(one.file_name or "") or "attachment"
            media_type = one.mime_type or "application/octet-stream"
            message.parts.append(Attachment(name=name, media_type=media_type, size=one.size or 0))
        return message.document(source, "msg")


def _recipients(found: OutlookMessage) -> list[tuple[str, str]]:
    grouped: dict[str, list[str]] = {}
    for one in found.recipients:
        address = one.email_address or ""
        name = _decoded(one.name or "")
        written = formataddr((name, address)) if address and name != address else name or address
        kind = _TYPES.get(one.properties.int_prop_value(_RECIPIENT_TYPE) or 1, "To")
        if written.strip():
            grouped.setdefault(kind, []).append(written)
    return [(kind, ", ".join(grouped[kind])) for kind in _TYPES.values() if kind in grouped]


def _decoded(text: str) -> str:
    """Return a header without the encoding that e-mail puts on other letters than ASCII's."""
    try:
        return str(make_header(decode_header(text)))
    except (LookupError, ValueError):
        return text
