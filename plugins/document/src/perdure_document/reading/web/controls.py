"""What the controls of a form show."""

from collections import Counter
from typing import Final

from lxml import etree

_BOXES: Final = {"checkbox": "☐☑", "radio": "○◉"}
_BUTTONS: Final = {"submit": "Submit", "reset": "Reset", "button": ""}
_UNSEEN: Final = {"hidden", "file", "image", "color", "range"}


def control_text(element: etree._Element, left_out: Counter[str]) -> str:
    """Return what a control shows: its value, a box that is checked, the option that is chosen.

    Args:
        element: An ``input``, a ``select``, a ``textarea``, a ``progress`` or a ``meter``.
        left_out: Counts what is not shown.
    """
    match element.tag:
        case "input":
            return _input(element, left_out)
        case "select":
            return _select(element, left_out)
        case "textarea":
            return str(element.text or element.get("placeholder") or "")
        case _:
            return str(element.get("value") or "")


def _input(element: etree._Element, left_out: Counter[str]) -> str:
    kind = str(element.get("type") or "text").lower()
    value = str(element.get("value") or "")
    if kind in _BOXES:
        return f"{_BOXES[kind]['checked' in element.attrib]} "
    if kind in _UNSEEN:
        return ""
    if kind == "password":
        left_out["password"] += bool(value)
        return ""
    if kind in _BUTTONS:
        return value or _BUTTONS[kind]
    return value or str(element.get("placeholder") or "")


def _select(element: etree._Element, left_out: Counter[str]) -> str:
    options = list(element.iter("option"))
    if "multiple" in element.attrib or str(element.get("size") or "1") not in {"0", "1"}:
        return ", ".join(map(_label, options))
    chosen = [one for one in options if "selected" in one.attrib][-1:] or options[:1]
    left_out["unchosen option"] += len(options) - len(chosen)
    return ", ".join(map(_label, chosen))


def _label(option: etree._Element) -> str:
    return " ".join("".join(map(str, option.itertext())).split()) or str(option.get("label") or "")
