"""The texts of a diagram that is laid out by itself (SmartArt)."""

from collections import defaultdict

from lxml import etree

from perdure_document.formatting import flat
from perdure_document.reading.ooxml.package import tag


def diagram_texts(root: etree._Element) -> list[tuple[int, str]]:
    """Return the texts of a diagram with their depth from 0, in the order of its outline.

    Args:
        root: The root of the part with the diagram's data.
    """
    points = {
        point.get("modelId", ""): point
        for point in root.iter(tag("dgm:pt"))
        if point.get("type", "node") in {"node", "doc", "asst"}
    }
    children: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for link in root.iter(tag("dgm:cxn")):
        if link.get("type", "parOf") == "parOf":
            order = link.get("srcOrd", "0")
            place = int(order) if order.isdecimal() else 0
            children[link.get("srcId", "")].append((place, link.get("destId", "")))
    found: list[tuple[int, str]] = []
    seen: set[str] = set()
    roots = [name for name, point in points.items() if point.get("type") == "doc"]
    waiting = [(name, -1) for name in reversed([*roots, *points])]
    while waiting:
        name, depth = waiting.pop()
        if name in seen or name not in points:
            continue
        seen.add(name)
        if text := _text(points[name]):
            found.append((max(depth, 0), text))
        below = sorted(children[name], reverse=True)
        waiting.extend((child, depth + 1) for _, child in below)
    return found


def _text(point: etree._Element) -> str:
    properties = point.find(tag("dgm:prSet"))
    if properties is not None and properties.get("phldr") in {"1", "true"}:
        # A prompt such as "[Text]" that nobody wrote over is not shown.
        return ""
    paragraphs = point.iter(tag("a:p"))
    return flat(" ".join("".join(t.text or "" for t in p.iter(tag("a:t"))) for p in paragraphs))
