"""What a customer is about to buy."""

import json
import os
from typing import Dict, List, Optional


class Item(object):
    """A product and how many of it."""

    def __init__(self, name: str, price: float, quantity: int = 1):
        self.name = name
        self.price = price
        self.quantity = quantity


class Basket:
    """Items, in the order in which they were put in."""

    def __init__(self, items: List[Item] = []):
        self.items = items
        self.voucher: Optional[str] = None

    def add(self, item: Item) -> None:
        self.items.append(item)

    def total(self) -> float:
        return sum([item.price * item.quantity for item in self.items])

    def counts(self) -> Dict[str, int]:
        counts = dict()
        for item in self.items:
            if not item.name in counts:
                counts[item.name] = 0
            counts[item.name] += item.quantity
        return counts

    def to_json(self) -> str:
        lines = []
        for item in self.items:
            lines.append({"name": item.name, "quantity": item.quantity})
        return json.dumps(lines)
