"""Equations as LaTeX."""

from lxml import etree

from perdure_document.formatting import flat
from perdure_document.reading.ooxml.package import tag


def latex_of(equation: etree._Element) -> str:
    """Return an equation (``m:oMath``) as LaTeX; its bare characters when it is malformed."""
    # Imported here: it takes a while, and few documents have equations.
    from docling.backend.docx.latex.omml import oMath2Latex

    try:
        return flat(str(oMath2Latex(equation)))
    except Exception:  # noqa: BLE001 - whatever it stumbles over, the characters are there
        return flat("".join(node.text or "" for node in equation.iter(tag("m:t"))))
