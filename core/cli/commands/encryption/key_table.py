"""What is printed of keys and what they have sealed."""

from typing import TYPE_CHECKING

from perdure.cli.output.printing import print_json, print_table

if TYPE_CHECKING:
    from perdure.stores.resealing.key_counts import KeyCounts
    from perdure.stores.resealing.resealing_store import ResealingStore

IN_THE_CLEAR = "in the clear"


def print_keys(store: "ResealingStore", counts: "KeyCounts", *, as_json: bool) -> None:
    """Print how much each key has sealed, keys that nothing needs too, the first key first."""
    cipher = store.cipher
    known = [cipher.key_id, *sorted(cipher.key_ids - {cipher.key_id})]
    keys: list[str | None] = [*known, *(key for key in counts.ids() if key not in known), None]
    if as_json:
        print_json(
            {
                "seals": cipher.key_id,
                "keys": [
                    {
                        "key": key,
                        "found": key in cipher.key_ids,
                        "rows": counts.rows[key],
                        "objects": counts.objects[key],
                    }
                    for key in keys
                ],
                "changed": counts.changed,
                "damaged": counts.damaged,
            }
        )
        return
    rows = []
    for key in keys:
        amounts = (f"{counts.rows[key]:,}", f"{counts.objects[key]:,}")
        rows.append([key or IN_THE_CLEAR, _status(store, counts, key), *amounts])
    print_table(["key", "status", "rows", "objects"], rows)


def _status(store: "ResealingStore", counts: "KeyCounts", key: str | None) -> str:
    if key is None:
        return ""
    if key == store.cipher.key_id:
        return "seals"
    needed = counts.rows[key] or counts.objects[key]
    if key not in store.cipher.key_ids:
        return "missing"
    return "needed" if needed else "not needed by the stores"
