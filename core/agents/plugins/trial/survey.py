"""Finds the installed plugins, and tries those that are not known to load."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from packaging.utils import canonicalize_name

from perdure.agents.plugins.distributions.candidate import Candidate
from perdure.agents.plugins.distributions.discovery import (
    built_in_candidates,
    find_candidates,
    find_provider,
)
from perdure.agents.plugins.distributions.shadows import find_shadows
from perdure.agents.plugins.records.agents import AgentsRecord
from perdure.agents.plugins.records.disabled import DisabledRecord
from perdure.agents.plugins.records.fingerprints import module_fingerprint
from perdure.agents.plugins.records.loaded import LoadedRecord
from perdure.agents.plugins.records.loading import LoadingMarker, take_interrupted_loads
from perdure.agents.plugins.trial.process import Subject, Trial
from perdure.schemas.plugins import Plugin
from perdure.settings import Settings

_log: Final = logging.getLogger("perdure")


@dataclass(slots=True)
class Survey:
    """The installed plugins, before any is imported here.

    Attributes:
        allowed: Those that the settings allow.
        unusable: The others, each with the reason.
        fingerprints: Of the allowed ones, but for those that come with the core.
        reasons: Why some of the allowed must not be imported, as their trial showed.
    """

    allowed: list[Candidate] = field(default_factory=list)
    unusable: list[Plugin] = field(default_factory=list)
    fingerprints: dict[Candidate, str] = field(default_factory=dict)
    reasons: dict[Candidate, str] = field(default_factory=dict)


def not_loaded(candidate: Candidate) -> Plugin:
    """Return a plugin that is not loaded, whose reason is still to be said."""
    return Plugin(
        candidate.distribution,
        candidate.version,
        candidate.module,
        "failed",
        warnings=candidate.warnings,
    )


class PluginSurvey:
    """Finds the plugins and tries those that have to be, now or in a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        """Prepare a survey.

        Args:
            settings: The settings.
        """
        self._settings = settings
        self._trial = Trial()
        self._outcome: Future[Survey] = Future()

    def make(self) -> Survey:
        """Find and try the plugins; never raises because of one."""
        settings, survey = self._settings, Survey()
        _find_plugins(settings, survey)
        interrupted = take_interrupted_loads(settings.home)
        for load in interrupted:
            _log.warning(load.message)
        suspects = {load.name for load in interrupted}
        record = LoadedRecord(settings.home)
        survey.fingerprints = {
            one: module_fingerprint(one.module) for one in survey.allowed if one.installed
        }
        unknown = [
            Subject(candidate)
            for candidate, fingerprint in survey.fingerprints.items()
            if candidate.distribution in suspects
            or not record.contains(candidate.distribution, fingerprint)
        ]
        with LoadingMarker(settings.home) as marker:
            survey.reasons = self._trial.run(
                unknown,
                settings.plugin_import_seconds,
                lambda candidate: marker.begin(candidate.distribution),
            )
        return survey

    def begin(self) -> None:
        """Make it in a thread."""
        # As a daemon: a command that fails meanwhile does not wait for a plugin.
        threading.Thread(target=self._make_outcome, name="plugin survey", daemon=True).start()

    def result(self) -> Survey:
        """Wait for what was begun."""
        return self._outcome.result()

    def stop(self) -> None:
        """End the process in which plugins are tried, if it runs."""
        self._trial.stop()

    def _make_outcome(self) -> None:
        try:
            self._outcome.set_result(self.make())
        except BaseException as error:  # noqa: BLE001 -- it is raised where it is waited for
            self._outcome.set_exception(error)


_begun: Final[list[PluginSurvey]] = []


@contextmanager
def survey_beforehand(settings: Settings) -> Iterator[None]:
    """Find and try the plugins while the block does something else, until it loads them.

    On a home that does not know the plugins their trial takes as long as importing them, on
    another processor.

    Args:
        settings: The settings.
    """
    survey = PluginSurvey(settings)
    survey.begin()
    _begun.append(survey)
    try:
        yield
    finally:
        _begun.clear()
        survey.stop()


def survey_plugins(settings: Settings) -> Survey:
    """Return what :func:`survey_beforehand` found; find and try the plugins now if it did not run.

    Args:
        settings: The settings.
    """
    return _begun.pop().result() if _begun else PluginSurvey(settings).make()


def _find_plugins(settings: Settings, survey: Survey) -> None:
    disabled = DisabledRecord(settings.home)
    if disabled.fault:
        _log.warning(disabled.fault)
    for candidate in (*built_in_candidates(settings), *find_candidates()):
        if unusable := _why_not(candidate, settings, disabled):
            survey.unusable.append(unusable)
        else:
            survey.allowed.append(candidate)
    for candidate, reason in find_shadows(survey.allowed, find_provider).items():
        survey.allowed.remove(candidate)
        survey.unusable.append(replace(not_loaded(candidate), reason=reason))


def _why_not(candidate: Candidate, settings: Settings, disabled: DisabledRecord) -> Plugin | None:
    """Return a plugin that must not be loaded, with the reason."""
    plugin = not_loaded(candidate)
    if candidate.installed and (denial := _denial(candidate.distribution, settings)):
        return replace(plugin, status="denied", reason=denial)
    if candidate.installed and candidate.distribution in disabled.names:
        agents = AgentsRecord(settings.home).agents_of(candidate.distribution)
        reason = f"it is disabled in this home: perdure plugins enable {candidate.distribution}"
        return replace(plugin, status="disabled", reason=reason, agents=agents)
    if candidate.refusal:
        return replace(plugin, reason=candidate.refusal)
    return None


def _denial(distribution: str, settings: Settings) -> str:
    if distribution in {canonicalize_name(name) for name in settings.plugins_deny}:
        return "PERDURE_PLUGINS_DENY names it"
    allowed = {canonicalize_name(name) for name in settings.plugins_allow}
    if allowed and distribution not in allowed:
        return "PERDURE_PLUGINS_ALLOW is set and does not name it"
    return ""
