"""What a site's ``robots.txt`` lets us fetch: the Robots Exclusion Protocol, RFC 9309."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

PRODUCT: Final = "perdure"
MOST_BYTES: Final = 500 * 1024


@dataclass(frozen=True, slots=True)
class Rule:
    """A path, with ``*`` for anything and ``$`` for the end, that may or may not be fetched."""

    allow: bool
    pattern: str

    def matches(self, path: str) -> bool:
        """Say whether a path begins as the pattern says, in time that grows with both lengths."""
        anchored = self.pattern.endswith("$")
        first, *rest = self.pattern.removesuffix("$").split("*")
        if not path.startswith(first):
            return False
        position = len(first)
        last = rest.pop() if rest and anchored else None
        for part in rest:
            found = path.find(part, position)
            if found < 0:
                return False
            position = found + len(part)
        if last is not None:
            return len(path) - len(last) >= position and path.endswith(last)
        return not anchored or position == len(path)


@dataclass(frozen=True, slots=True)
class Robots:
    """The rules of a site that are for us."""

    rules: tuple[Rule, ...] = ()

    def allow(self, path: str) -> bool:
        """Say whether a path, with its query, may be fetched: the longest pattern decides."""
        path = _normal(path)
        matching = [rule for rule in self.rules if rule.matches(path)]
        return max(((len(rule.pattern), rule.allow) for rule in matching), default=(0, True))[1]


def parse_robots(content: bytes) -> Robots:
    """Read the rules for us, or else those for everybody, from a ``robots.txt``."""
    text = content[:MOST_BYTES].decode("utf-8-sig", errors="replace")
    ours: list[Rule] = []
    everybodys: list[Rule] = []
    named = False
    agents: set[str] = set()
    in_rules = False
    for key, value in _lines(text.splitlines()):
        if key == "user-agent":
            agents = agents if not in_rules else set()
            in_rules = False
            agents.add(value.partition("/")[0].strip().lower())
            named = named or PRODUCT in agents
        elif key in {"allow", "disallow"}:
            in_rules = True
            if not value:  # nothing is disallowed
                continue
            rule = Rule(allow=key == "allow", pattern=_normal(value))
            if PRODUCT in agents:
                ours.append(rule)
            if "*" in agents:
                everybodys.append(rule)
    return Robots(tuple(ours if named else everybodys))


def _lines(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        key, colon, value = line.partition("#")[0].partition(":")
        if colon:
            yield key.strip().lower(), value.strip()


def _normal(path: str) -> str:
    """Write the same characters the same way, whether they came escaped or not."""
    return quote(
        unquote_to_bytes(path.replace("%2F", "%252F").replace("%2f", "%252F")),
        safe="/%*$?&=:;,@!~'()+.-_",
    )
