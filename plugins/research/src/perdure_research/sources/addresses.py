"""Which URLs are one: the same page with and without ``www``, a tracker, a slash at its end."""

import re
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin, urlsplit

# Parameters that say where a reader came from, and nothing of what the page shows.
_TRACKERS: Final = re.compile(
    r"(?:utm_\w+|mtm_\w+|pk_\w+|piwik_\w+|hsa_\w+|_hs\w+|__s|oly_\w+|vero_\w+|mkt_tok|trk\w*|"
    r"gclid|gclsrc|gbraid|wbraid|dclid|fbclid|msclkid|twclid|ttclid|yclid|igshid|igsh|li_fat_id|"
    r"mc_[ce]id|ml_subscriber\w*|_ga|_gl|cmpid|ref_?(?:src|url)?|referrer|ncid|spm|wt_\w+|s_cid|"
    r"share|smid|sr_share|cid|at_\w+|fb_\w+|ito|ocid|src|from_source)",
    re.IGNORECASE,
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_INDEX: Final = re.compile(r"/(?:index|default|home)\.(?:html?|php|aspx?|jsp)$", re.IGNORECASE)
_SAFE: Final = "/:@!$&'()*+,;=~-._"


def without_trackers(url: str) -> str:
    """Return a URL as it is best shown and fetched: without its fragment and its trackers."""
    parts = urlsplit(url)
    query = [
        pair
        for pair in parts.query.split("&")
        if pair and not _TRACKERS.fullmatch(unquote(pair.partition("=")[0]))
    ]
    return parts._replace(query="&".join(query), fragment="").geturl()


def page_key(url: str) -> str:
    """Return what is the same for all the URLs that lead to one page.

    Scheme, ``www``, a default port, the case of the host, a slash or an index file at the end of
    the path, the order of the query, trackers and the fragment make no other page of it.
    """
    try:
        parts = urlsplit(without_trackers(url.strip()))
        host = (parts.hostname or "").rstrip(".").removeprefix("www.")
        port = parts.port
    except ValueError:
        return url
    if port is not None and port != _DEFAULT_PORTS.get(parts.scheme.lower()):
        host = f"{host}:{port}"
    path = quote(unquote(parts.path), safe=_SAFE)
    path = _INDEX.sub("/", re.sub(r"/{2,}", "/", path)).rstrip("/")
    query = urlencode(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    return f"{host}{path}{'?' + query if query else ''}"


def canonical_address(url: str, canonical: str) -> str:
    """Return the address that a page gives as its own; empty when it is that of another page.

    A page of another site may name any address, and so may one whose every page names the front
    page; neither is believed.

    Args:
        url: Where the page was fetched.
        canonical: What its link says, perhaps relative.
    """
    if not canonical:
        return ""
    try:
        address = urljoin(url, canonical)
        there, here = urlsplit(address), urlsplit(url)
        hosts = [_site(parts.hostname or "") for parts in (there, here)]
    except ValueError:
        return ""
    if there.scheme not in {"http", "https"} or hosts[0] != hosts[1]:
        return ""
    if there.path in {"", "/"} and not there.query and here.path not in {"", "/"}:
        return ""
    return without_trackers(address)


def _site(host: str) -> str:
    """Return a host without the prefixes under which sites show the same pages."""
    return re.sub(r"^(?:www|m|mobile|amp)\.", "", host.lower().rstrip("."))
