"""What a model writes, as text that can be stored."""


def storable(text: str) -> str:
    """Return a text without the halves of characters that a model may write."""
    return text.encode("utf-8", "replace").decode()
