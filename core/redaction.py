"""Keys and passwords of this process, taken out of what people, programs and logs get to read.

What they are is known from the environment: variables such as ``OPENAI_API_KEY``, and addresses
that hold a password. A provider that repeats a refused key, or a library that repeats an address,
puts them into its error. Nor does anybody else need to know where this machine keeps the files that
a caller has handed in: while a goal is executed, such paths are the caller's own names for them.
"""

import functools
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic import JsonValue

REDACTED: Final = "[secret]"
# What is shorter is more likely a word than a key, and would take that word out of every text.
LEAST_CHARACTERS: Final = 12

_SECRET_NAME: Final = re.compile(
    r"(?:^|_)(?:API_?KEYS?|KEY|KEY_DATA|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE)$"
    r"|_SECRET_|_TOKEN_|CREDENTIALS?$",
    re.IGNORECASE,
)
_PASSWORD_IN_ADDRESS: Final = re.compile(r"(?<=://)([^\s/:@'\"]*):([^\s/@'\"]+)@")
# The API's own keys, wherever they are met: these are on record as digests only.
_API_KEY: Final = re.compile(r"\b(?:perdure_[0-9a-f]{12}|hf)_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
# Whom nobody but the worker itself asks with them: models' providers, Temporal, the stores.
_OF_THE_WORKER: Final = re.compile(
    r"^(?:PERDURE|TEMPORAL)_|_API_?(?:KEY|TOKEN)$|^AWS_(?:SECRET_ACCESS_KEY|SESSION_TOKEN|BEARER_)",
    re.IGNORECASE,
)

# What logs are full of elsewhere: fields of requests, and keys by their shape.
_SECRET_FIELD: Final = re.compile(
    r"(?:^|[_-])(?:authorization|cookie|csrf[_-]?token"
    r"|(?:api|access|secret|private|signing)[_-]?key|auth[_-]?token|access[_-]?token"
    r"|refresh[_-]?token|id[_-]?token|token|secret|password|passwd|passphrase|credentials?)$",
    re.IGNORECASE,
)
_HEADER: Final = re.compile(
    r"""((?:authorization|cookie|(?:x-)?api-key|x-goog-api-key|x-auth-token|x-csrf-token)
    (?:\\?['"]\s*[:,]|\s*[:=])\s*+(?:b(?=\\?['"]))?+\\?+['"]?+)  # also of a dictionary
    (?!\[secret\])([^'"\\\r\n]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_SCHEME: Final = re.compile(r"(?i:\b(bearer|basic))\s+(?=[^\s'\"]*[0-9=+/])[A-Za-z0-9._~+/=-]{8,}")
_ASSIGNED: Final = re.compile(
    r"""((?:api[_-]?key|access[_-]?key|secret[_-]?key|client[_-]?secret|password|passwd|passphrase
    |token|secret|signature|sig)(?:\\?['"]\s*:|\s*=)\s*+\\?+['"]?+)
    (?!\[secret\])([^\s'"\\&,;)}\]]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_BY_SHAPE: Final = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{16,}|gh[opsur]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|glpat-[\w-]{16,}"
    r"|xox[abeprs]-[\w-]{10,}|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{30,}|hf_[A-Za-z0-9]{30,}"
    r"|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{30,}|whsec_[A-Za-z0-9+/=]{20,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_MAX_DEPTH: Final = 8

Replacements = Sequence[tuple[str, str]]
_RENAMED: Final[ContextVar[Replacements]] = ContextVar("renamed", default=())


def known_secrets() -> Replacements:
    """Return what people do not get to read, each with what replaces it, the longest first."""
    found = {*_found(), *_RENAMED.get()}
    return sorted(found, key=lambda pair: len(pair[0]), reverse=True)


@contextmanager
def renaming(replacements: Replacements) -> Iterator[None]:
    """Replace in all that is read of this task, and of those that it begins, more than secrets.

    Args:
        replacements: What is replaced, and by what.
    """
    token = _RENAMED.set(replacements)
    try:
        yield
    finally:
        _RENAMED.reset(token)


def as_given(value: "JsonValue") -> "JsonValue":
    """Return a value in which a path of this machine is the caller's own name for the file.

    That name means the same file on any machine, which the path does not.
    """
    if isinstance(value, str):
        for path, name in _RENAMED.get():
            if value.startswith(path):
                return f"{name}{value.removeprefix(path)}"
        return value
    if isinstance(value, list):
        return [as_given(item) for item in value]
    if isinstance(value, dict):
        return {key: as_given(item) for key, item in value.items()}
    return value


def without_secrets(text: str, secrets: Replacements | None = None) -> str:
    """Return a text in which each secret, and each API key, is ``[secret]``.

    Args:
        text: The text.
        secrets: What is secret; the environment is searched when not given.
    """
    return _redacted(text, known_secrets() if secrets is None else secrets)


def holds_api_key(text: str) -> bool:
    """Return whether a text has one of the API's own keys in it, whether it is valid or not."""
    return _API_KEY.search(text) is not None


def secret_beginning(text: str, secrets: Replacements) -> int:
    """Return how many characters at the end of a text may be the beginning of a secret."""
    longest = 0
    for secret, _ in secrets:
        for start in range(max(0, len(text) - len(secret) + 1), len(text) - longest):
            if secret.startswith(text[start:]):
                longest = len(text) - start
                break
    return longest


def message_without_secrets(message: str, secrets: Replacements | None = None) -> str:
    """Return the message of an error, or a line of a log, without secrets.

    The password in any address, such as ``postgresql://name:password@host``, is one here. In a text
    that an agent has read or written it stays: it belongs to the text.

    Args:
        message: The message.
        secrets: What is secret; the environment is searched when not given.
    """
    known = without_secrets(message, secrets)
    if "://" not in known:
        return known
    return _PASSWORD_IN_ADDRESS.sub(rf"\1:{REDACTED}@", known)


def log_text_without_secrets(line: str, secrets: Replacements | None = None) -> str:
    """Return a text of a log without secrets, those of others included.

    Beside what :func:`message_without_secrets` knows, these are the values of headers and fields
    that hold credentials, and keys that their shape gives away. It rather takes a word too much.

    Args:
        line: The text.
        secrets: What is secret; the environment is searched when not given.
    """
    line = message_without_secrets(line, secrets)
    line = _BY_SHAPE.sub(REDACTED, line)
    line = _HEADER.sub(rf"\1{REDACTED}", line)
    line = _SCHEME.sub(rf"\1 {REDACTED}", line)
    return _ASSIGNED.sub(rf"\1{REDACTED}", line)


def log_fields_without_secrets(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a log's line without secrets.

    Before they are rendered: an escaped character would hide a secret. A field whose name says
    that it holds credentials has no value any more, however deep it lies.
    """
    secrets = known_secrets()
    return {name: _clean_field(name, value, secrets, _MAX_DEPTH) for name, value in fields.items()}


def data_without_secrets(data: "Mapping[str, JsonValue]") -> "dict[str, JsonValue]":
    """Return plain data whose texts are without secrets, names of fields included."""
    secrets = known_secrets()
    return {_redacted(name, secrets): _clean(value, secrets) for name, value in data.items()}


def environment_for_programs() -> dict[str, str]:
    """Return the environment of this process without the worker's own keys and passwords."""
    return {
        name: value
        for name, value in os.environ.items()
        if not (_OF_THE_WORKER.search(name) and _is_secret(name, value))
    }


def _clean(data: "JsonValue", secrets: Replacements) -> "JsonValue":
    if isinstance(data, str):
        return _redacted(data, secrets)
    if isinstance(data, Mapping):
        return {_redacted(name, secrets): _clean(value, secrets) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_clean(value, secrets) for value in data]
    return data


def _clean_field(name: str, value: object, secrets: Replacements, depth: int) -> object:
    # exc_info is formatted later, and its text is redacted then.
    if not value or isinstance(value, bool | int | float) or name == "exc_info":
        return value
    if _SECRET_FIELD.search(name):
        return REDACTED
    if isinstance(value, str):
        return log_text_without_secrets(value, secrets)
    if depth > 0 and isinstance(value, Mapping):
        return {
            str(key): _clean_field(str(key), one, secrets, depth - 1) for key, one in value.items()
        }
    if depth > 0 and isinstance(value, list | tuple | set | frozenset):
        return _clean_items(value, secrets, depth - 1)
    return log_text_without_secrets(repr(value), secrets)


def _clean_items(items: Collection[object], secrets: Replacements, depth: int) -> list[object]:
    match items:
        case [str() | bytes() as header, _]:  # of headers, as servers and clients have them
            name = header if isinstance(header, str) else header.decode("latin-1")
            if _SECRET_FIELD.search(name):
                return [name, REDACTED]
    return [_clean_field("", item, secrets, depth) for item in items]


def _redacted(text: str, secrets: Replacements) -> str:
    for secret, replacement in secrets:
        text = text.replace(secret, replacement)
    return _API_KEY.sub(REDACTED, text) if "_" in text else text


def _found() -> Iterator[tuple[str, str]]:
    for name, value in os.environ.items():
        yield from _in_variable(name, value)


# Each goal, event and line of a log asks for all variables, and they hardly ever change.
@functools.lru_cache(maxsize=2048)
def _in_variable(name: str, value: str) -> Replacements:
    found = []
    is_path = value.startswith(("/", "~", "."))
    if len(value) >= LEAST_CHARACTERS and _SECRET_NAME.search(name) and not is_path:
        found.append((value, REDACTED))
    for _, password in _PASSWORD_IN_ADDRESS.findall(value):
        found.append((f":{password}@", f":{REDACTED}@"))
        if len(password) >= LEAST_CHARACTERS:
            found.append((password, REDACTED))
    return found


def _is_secret(name: str, value: str) -> bool:
    return bool(_SECRET_NAME.search(name) or _PASSWORD_IN_ADDRESS.search(value))
