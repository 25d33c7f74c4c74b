"""Markdown that an agent wrote, as HTML that is safe to show.

Raw HTML in it is text. What comes out is cleaned again, by a parser of HTML: no script, style,
form or frame, no address but those of the web, and no picture but the run's own, for one from
elsewhere would tell its owner who reads the report.
"""

import posixpath
import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from markupsafe import Markup, escape

from perdure.web.artifacts.diffs import read_diff
from perdure.web.rendering.visible import visible

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_TAGS: Final = frozenset(
    {"a", "blockquote", "br", "code", "del", "em", "h2", "h3", "h4", "h5", "h6", "hr", "img", "li"}
    | {"ol", "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"}
)
_ATTRIBUTES: Final = {
    "a": frozenset({"href", "title"}),
    "img": frozenset({"src", "alt", "title", "loading"}),
    "ol": frozenset({"start"}),
}
# The policy of the pages allows no style, which is how Markdown aligns cells.
_ALIGNMENTS: Final = {"text-align:right": "num", "text-align:center": "center"}
_CLASSES: Final = {
    "td": frozenset(_ALIGNMENTS.values()),
    "th": frozenset(_ALIGNMENTS.values()),
    "pre": frozenset({"diff"}),
    "span": frozenset({"added", "removed", "same", "place", "head"}),
}
_DIFFS: Final = frozenset({"diff", "patch"})
# A comment on lines of its own, as extracts have them for programs.
_COMMENT: Final = re.compile(r"^[ ]{0,3}<!--.*?-->[ ]*$\n?", re.MULTILINE | re.DOTALL)
_SCHEMES: Final = frozenset({"http", "https", "mailto"})

Resolve = Callable[[str], str | None]


def render_markdown(text: str, name: str, picture: Resolve, link: Resolve) -> Markup:
    """Return Markdown as safe HTML.

    Args:
        text: The Markdown.
        name: The name of its file, from which relative addresses are resolved.
        picture: Returns the address of one of the run's pictures by its name; ``None`` for what is
            none.
        link: Returns the address of one of the run's files in the same way.
    """
    import nh3

    parser = _parser()
    tokens = parser.parse(_COMMENT.sub("", str(visible(text))))
    for token in tokens:
        _adapt(token)
        if token.children is not None:
            token.children = [_adapt_inline(child, name, picture, link) for child in token.children]
    html = parser.renderer.render(tokens, parser.options, {})
    cleaned = nh3.clean(
        html,
        tags=set(_TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        allowed_classes={tag: set(names) for tag, names in _CLASSES.items()},
        url_schemes=set(_SCHEMES),
        link_rel="noopener noreferrer nofollow",
    )
    return Markup(cleaned)  # noqa: S704 -- cleaned just now


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def _adapt(token: "Token") -> None:
    """Rank headings below the page's own, align cells by a class, and tell a diff's lines apart."""
    if token.type in {"heading_open", "heading_close"}:
        token.tag = f"h{min(int(token.tag[1:]) + 1, 6)}"
    elif token.type in {"th_open", "td_open"}:
        alignment = _ALIGNMENTS.get(str(token.attrs.pop("style", "")))
        if alignment is not None:
            token.attrs["class"] = alignment
    elif token.type == "fence" and token.info.strip() in _DIFFS:
        lines = (line for file in read_diff(token.content).files for line in file.lines)
        spans = "".join(f'<span class="{kind}">{escape(line)}\n</span>' for kind, line in lines)
        token.type, token.content = "html_block", f'<pre class="diff">{spans}</pre>\n'


def _adapt_inline(token: "Token", name: str, picture: Resolve, link: Resolve) -> "Token":
    """Return a part of a line with its address as the page needs it."""
    if token.type == "image":
        address = _resolved(str(token.attrs.get("src", "")), name, picture)
        if address is None:
            token.type, token.tag = "text", ""
            token.content = (
                f"[{token.content or 'a picture'}: not shown, it is no file of this goal]"
            )
            token.children = None
        else:
            token.attrs |= {"src": address, "loading": "lazy"}
    elif token.type == "link_open":
        given = str(token.attrs.get("href", ""))
        address = _resolved(given, name, link)
        if address is None and given.partition(":")[0].lower() in _SCHEMES:
            address = given
        if address is None:  # neither a file of the run nor a page of the web: its text alone
            del token.attrs["href"]
        else:
            token.attrs["href"] = address
    return token


def _resolved(address: str, name: str, resolve: Resolve) -> str | None:
    try:
        parts = urlsplit(address)
    except ValueError:  # brackets that are no address
        return None
    if parts.scheme or parts.netloc or not parts.path or parts.path.startswith("/"):
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path)))
    return resolve(path)
