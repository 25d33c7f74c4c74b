"""A file of rules that changes while they are in force."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from perdure.policy.errors import PolicyInvalid
from perdure.policy.watching import SETTLED_SECONDS, WatchedPolicy, watch_policy
from tests.support.until import until

ALLOW = "default: allow\n"
DENY = "default: deny\n"
BROKEN = "default: allow\nrulse: []\n"


def put(path: Path, text: str, *, age_seconds: float = 60) -> None:
    """Put a file in place in one step, written so long ago."""
    other = path.with_suffix(".new")
    other.write_text(text)
    written = other.stat().st_mtime - age_seconds
    os.utime(other, (written, written))
    other.replace(path)


@pytest.fixture(autouse=True)
def every_level() -> Iterator[None]:
    """Have every level logged, whatever a command has configured in this process before."""
    before = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(ALLOW)
    return path


def test_a_file_that_is_replaced_is_in_force_at_once(path: Path) -> None:
    watched = WatchedPolicy(path)
    before = watched.current()
    assert (before.default, watched.current()) == ("allow", before)
    put(path, DENY)
    with capture_logs() as logs:
        after = watched.current()
    assert after.default == "deny"
    assert after.digest != before.digest
    [entry] = logs
    assert (entry["event"], entry["in_force"]) == ("policy changed", after.digest)


def test_a_file_that_is_broken_leaves_the_older_rules_in_force_and_is_said_once(path: Path) -> None:
    watched = WatchedPolicy(path)
    before = watched.current()
    put(path, BROKEN)
    with capture_logs() as logs:
        assert [watched.current() for _ in range(3)] == [before] * 3
    [entry] = logs
    assert entry["event"] == "policy not changed"
    assert entry["in_force"] == before.digest
    assert "line 2: rulse is not known" in entry["problem"]
    assert watched.is_refused()
    put(path, DENY)
    assert watched.current().default == "deny"
    assert not watched.is_refused()


def test_a_file_that_is_gone_leaves_them_too_and_one_that_is_back_is_in_force(path: Path) -> None:
    watched = WatchedPolicy(path)
    path.unlink()
    until(watched.is_refused, "the file to be missed")
    assert "cannot be read" in watched.problem
    assert watched.current().default == "allow"
    put(path, ALLOW)  # the same text as before
    assert watched.current().default == "allow"
    assert not watched.is_refused()


def test_half_a_file_is_not_read(path: Path) -> None:
    watched = WatchedPolicy(path)
    whole = "rules:\n  - {name: one, when: {tool: x}, then: deny}\n"
    second = "  - {name: two, when: {tool: y}, then: deny}\n"
    path.write_text(whole + second)
    until(lambda: len(watched.current().rules) == 2, "both rules")
    # Written anew in place: the first half is valid, and has a rule less.
    put(path, whole, age_seconds=-3600)
    assert len(watched.current().rules) == 2
    put(path, whole + second, age_seconds=-7200)
    assert len(watched.current().rules) == 2
    put(path, whole, age_seconds=SETTLED_SECONDS)
    assert len(watched.current().rules) == 1


def test_a_link_that_is_turned_to_another_file_counts(path: Path, tmp_path: Path) -> None:
    """As those of a mounted Kubernetes ConfigMap are."""
    other, link = tmp_path / "other.yaml", tmp_path / "link.yaml"
    put(path, ALLOW)
    put(other, DENY)
    link.symlink_to(path)
    watched = WatchedPolicy(link)
    turned = tmp_path / "turned"
    turned.symlink_to(other)
    turned.replace(link)
    assert watched.current().default == "deny"


def test_rules_that_are_wrong_at_first_are_refused(path: Path) -> None:
    path.write_text(BROKEN)
    with pytest.raises(PolicyInvalid):
        watch_policy(path)
    assert watch_policy(None) is None
