"""A report as one HTML file that needs no other."""

import re
from typing import Final

_STYLE: Final = """
:root { color-scheme: light dark; --line: #d9dde3; --soft: #f4f6f8; --ink: #1f2933; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a424c; --soft: #20262d; --ink: #e4e8ec; } body { background: #14181d; }
}
body { max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink);
  font: 16px/1.5 Helvetica, Arial, sans-serif; }
h1, h2, h3 { line-height: 1.25; } h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 1rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .7rem; vertical-align: top; }
blockquote { margin: 1rem 0; padding: .1rem 1rem; border-left: 3px solid var(--line); }
code { background: var(--soft); padding: .1em .25em; border-radius: 3px; }
pre { background: var(--soft); padding: .7rem 1rem; overflow-x: auto; } pre code { padding: 0; }
"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def write_page(report: str) -> str:
    """Return a report in HTML.

    Args:
        report: The report in Markdown. HTML in it is shown as text.
    """
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(report)
    title = re.search(r"<h1>(.*?)</h1>", body, re.DOTALL)
    name = re.sub(r"<[^>]*>", "", title[1]) if title else "Report"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{name}</title>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
