"""Formulas in MathML as a line of text."""

from typing import Final

from lxml import etree

_MARKS: Final = {"msup": "^", "msub": "_", "mover": "^", "munder": "_"}
_TOKENS: Final = {"mi", "mn"}
_UNSEEN: Final = {"annotation", "annotation-xml", "mphantom", "none", "mprescripts"}


def formula_text(element: etree._Element) -> str:
    """Return a formula in one line: ``(a+b)/2``, ``x^2``, ``√(2)``, rows divided by semicolons."""
    name = _name(element)
    if not name or name in _UNSEEN:
        return ""
    children = [one for one in element if isinstance(one.tag, str)]
    if not children:
        return " ".join((element.text or "").split())
    return _joined(name, [formula_text(one) for one in children], element)


def _joined(name: str, parts: list[str], element: etree._Element) -> str:
    grouped = [_grouped(part) for part in parts]
    joined = _in_a_row(element, parts)
    match name, len(parts):
        case "mfrac", 2:
            joined = "/".join(grouped)
        case (("msup" | "msub" | "mover" | "munder"), 2):
            joined = _MARKS[name].join(grouped)
        case (("msubsup" | "munderover"), 3):
            joined = f"{grouped[0]}_{grouped[1]}^{grouped[2]}"
        case "msqrt", _:
            joined = f"√({joined})"
        case "mroot", 2:
            joined = f"{parts[1]}√({parts[0]})"
        case "mtable", _:
            joined = "; ".join(parts)
        case (("mtr" | "mlabeledtr"), _):
            joined = ", ".join(parts)
        case "mfenced", _:
            inner = (element.get("separators") or ",").strip()[:1] or ","
            joined = f"{element.get('open', '(')}{inner.join(parts)}{element.get('close', ')')}"
        case "semantics", _:
            joined = parts[0]
    return joined


def _in_a_row(element: etree._Element, parts: list[str]) -> str:
    """Put parts beside each other; names and numbers without a sign between them are a product."""
    joined, before = "", ""
    names = [_name(one) for one in element if isinstance(one.tag, str)]
    for name, part in zip(names, parts, strict=True):
        joined += f" {part}" if {before, name} <= _TOKENS and joined and part else part
        before = name
    return joined


def _name(element: etree._Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _grouped(text: str) -> str:
    """Put what is longer than a name or a number in parentheses."""
    plain = text.replace(".", "").replace(",", "")
    return text if len(text) <= 1 or plain.isalnum() else f"({text})"
