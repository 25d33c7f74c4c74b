"""The characters of fonts whose codes mean something else: Symbol, Wingdings."""

from typing import Final

# Adobe's Symbol encoding, from 0x20 and from 0xA0.
_SYMBOL_LOW: Final = (
    " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ"  # noqa: RUF001
    "[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼"  # noqa: RUF001
)
_SYMBOL_HIGH: Final = (
    "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…|─↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑"  # noqa: RUF001
    "⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪ 〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭"
)
_WINGDINGS: Final = dict(
    zip(
        bytes.fromhex(
            "22 28 29 2A 3A 4A 4C 6C 6E 6F 70 71 72 73 74 75 76 77 78 9E 9F A7 A8 AB D8 DF "
            "E0 E1 E2 E8 EF F0 F1 F2 FB FC FD FE 80 81 82 83 84 85 86 87 88 89 8A 8B 8C 8D "
            "8E 8F 90 91 92 93 94 95"
        ),
        "✂☎✆✉💻☺☹●■□☐❑❒⬧⧫◆❖⬥☒·•▪☐★➢←→↑↓➔⇦⇨⇧⇩✗✓☒☑⓪①②③④⑤⑥⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿",
        strict=True,
    )
)
_WINGDINGS_2: Final = dict(
    zip((0x4F, 0x50, 0x51, 0x52, 0x53, 0x54, 0xA3, 0x97, 0x98, 0x99), "✗✓☒☑☒☒☐●•◦", strict=True)
)


def symbol(font: str, code: int) -> str:
    """Return the character that a font shows for a code; U+FFFD when it is not known.

    Args:
        font: The font's name, such as ``Wingdings``.
        code: The code, in the private area from U+F000 or below U+0100.
    """
    place = code - 0xF000 if 0xF000 <= code <= 0xF0FF else code
    name = font.casefold()
    if name == "symbol":
        if 0x20 <= place < 0x20 + len(_SYMBOL_LOW):
            return _SYMBOL_LOW[place - 0x20]
        if 0xA0 <= place < 0xA0 + len(_SYMBOL_HIGH):
            return _SYMBOL_HIGH[place - 0xA0]
        return "\ufffd"
    if name == "wingdings":
        return _WINGDINGS.get(place, "\ufffd")
    if name == "wingdings 2":
        return _WINGDINGS_2.get(place, "\ufffd")
    return chr(code) if code not in range(0xE000, 0xF900) else "\ufffd"


def in_symbol_font(font: str, text: str) -> str:
    """Return what a font shows for text that is set in it: its private codes as characters."""
    if font.casefold() not in {"symbol", "wingdings", "wingdings 2"}:
        return text
    return "".join(symbol(font, ord(one)) if 0xF000 <= ord(one) <= 0xF0FF else one for one in text)
