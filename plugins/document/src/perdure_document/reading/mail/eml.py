"""Reading EML, an e-mail as it is sent (RFC 5322, MIME)."""

import email.policy
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from html import unescape
from pathlib import Path
from typing import Final

from perdure_document.facts import Attachment, Document, Source
from perdure_document.formatting import flat
from perdure_document.reading.mail.message import Message, Text
from perdure_document.reading.office_archive import reading

_SHOWN: Final = ("From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Date")
_MARK_UP: Final = re.compile(
    r"<(style|script|head|title)\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL
)
_DEEPEST: Final = 10
_NAMELESS: Final = {"message/rfc822": "message.eml", "text/calendar": "invitation.ics"}


def read_eml(source: Source, file: Path) -> Document:
    """Read an e-mail.

    Raises:
        InputError: It cannot be read.
    """
    with reading(file, "eml"), file.open("rb") as stream:
        parsed = BytesParser(EmailMessage, policy=email.policy.default).parse(stream)
        return _message(parsed, 0).document(source, "eml")


def _message(parsed: EmailMessage, depth: int) -> Message:
    message = Message(
        headers=[(name, text) for name in _SHOWN if (text := _header(parsed, name))],
        subject=flat(_header(parsed, "Subject")),
        author=flat(_header(parsed, "From")),
        created=_date(_header(parsed, "Date")),
    )
    for part in _parts(parsed):
        kind, name = part.get_content_type(), flat(part.get_filename() or "")
        inner = next(part.iter_parts(), None) if kind == "message/rfc822" else None
        if kind in _TEXTS and part.get_content_disposition() != "attachment" and not name:
            message.parts.append(Text(_text(part), kind == "text/html"))
        elif isinstance(inner, EmailMessage) and depth < _DEEPEST:
            message.parts.append(_message(inner, depth + 1))
        else:
            content = part.get_payload(decode=True)
            message.parts.append(
                Attachment(
                    name=name or _NAMELESS.get(kind, "attachment"),
                    media_type=kind,
                    size=len(content) if isinstance(content, bytes) else 0,
                )
            )
    return message


def _parts(message: EmailMessage) -> Iterator[EmailMessage]:
    """Yield the parts that a reader gets: of alternatives the richest that can be shown."""
    if message.get_content_type() == "multipart/alternative":
        parts = [part for part in message.iter_parts() if isinstance(part, EmailMessage)]
        shown = [part for part in parts if any(map(_says_something, _parts(part)))]
        yield from _parts(shown[-1]) if shown else ()
        others = [part for part in parts if part.get_content_type() not in _TEXTS | _MULTIPLE]
        yield from (part for part in others if part not in shown[-1:])
    elif message.get_content_maintype() == "multipart":
        for part in message.iter_parts():
            if isinstance(part, EmailMessage):
                yield from _parts(part)
    else:
        yield message


_TEXTS: Final = {"text/plain", "text/html"}
_MULTIPLE: Final = {"multipart/related", "multipart/mixed", "multipart/alternative"}


def _says_something(part: EmailMessage) -> bool:
    text = _text(part) if part.get_content_type() in _TEXTS else ""
    if part.get_content_type() == "text/html":
        text = unescape(_MARK_UP.sub("", text))
    return bool(text.strip())


def _text(part: EmailMessage) -> str:
    try:
        return str(part.get_content())
    except (LookupError, ValueError):
        # Its encoding is unknown or wrong.
        content = part.get_payload(decode=True)
        return content.decode("utf-8", errors="replace") if isinstance(content, bytes) else ""


def _header(message: EmailMessage, name: str) -> str:
    try:
        return ", ".join(str(value) for value in message.get_all(name, []))
    except Exception:  # noqa: BLE001 - the standard library fails in many ways at wrong headers
        return next((str(v) for key, v in message.raw_items() if key.lower() == name.lower()), "")


def _date(text: str) -> str:
    try:
        return parsedate_to_datetime(text).isoformat()
    except (TypeError, ValueError):
        return ""
