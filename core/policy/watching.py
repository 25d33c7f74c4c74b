"""A policy whose file may change while it is in force."""

import os
import threading
import time
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from perdure.policy.errors import PolicyInvalid
from perdure.policy.policy import Policy
from perdure.policy.reading import load_policy

# A file that is written in place is not whole at first, and half of its rules may well be valid.
SETTLED_SECONDS: Final = 1.0

log = structlog.get_logger()


class _Version(NamedTuple):
    """What tells that a file has been written, or another put in its place."""

    inode: int
    size: int
    changed: int


class WatchedPolicy:
    """The rules of a file as it is now. Rules that are wrong change nothing, and are reported.

    Any thread may ask for them.

    Attributes:
        problem: Why the file is not what is in force; empty where it is.
    """

    def __init__(self, path: Path) -> None:
        """Read the rules.

        Args:
            path: Their file.

        Raises:
            PolicyInvalid: It cannot be read, or what it says is not valid.
        """
        self.problem = ""
        self._path = path
        self._lock = threading.Lock()
        self._version = self._seen = _version_of(path)
        self._seen_at = time.monotonic()
        self._policy = _read(path)

    def current(self) -> Policy:
        """Return the rules as they are now, at most a second after they were changed."""
        found = _version_of(self._path)
        if found != self._version:
            with self._lock:
                self._reread(found)
        return self._policy

    def is_refused(self) -> bool:
        """Return whether older rules stay in force, since what the file says now is not valid."""
        self.current()
        return bool(self.problem)

    def _reread(self, found: _Version | None) -> None:
        if found == self._version or not self._has_settled(found):
            return
        self._version = found
        try:
            policy = _read(self._path)
        except PolicyInvalid as error:
            self.problem = str(error)
            log.warning("policy not changed", problem=self.problem, in_force=self._policy.digest)
            return
        if policy.digest != self._policy.digest or self.problem:
            log.info("policy changed", in_force=policy.digest, before=self._policy.digest)
        self.problem, self._policy = "", policy

    def _has_settled(self, found: _Version | None) -> bool:
        now = time.monotonic()
        if found != self._seen:
            self._seen, self._seen_at = found, now
        if now - self._seen_at >= SETTLED_SECONDS:
            return True
        # Nobody may have asked for a while: what was written long ago counts at once.
        return found is not None and time.time() - found.changed / 1e9 >= SETTLED_SECONDS


def watch_policy(path: Path | None) -> WatchedPolicy | None:
    """Return the policy that the settings name.

    Args:
        path: Its file; ``None`` where there is no policy.

    Raises:
        PolicyInvalid: It cannot be read, or what it says is not valid.
    """
    return None if path is None else WatchedPolicy(path)


def _read(path: Path) -> Policy:
    policy = load_policy(path)
    assert policy is not None
    return policy


def _version_of(path: Path) -> _Version | None:
    try:
        found = os.stat(path)  # noqa: PTH116 -- asked before each step: a path object takes longer
    except OSError:
        return None
    return _Version(found.st_ino, found.st_size, found.st_mtime_ns)
