"""Plugins that are not known to load are imported in a process of their own first.

It goes from :mod:`~perdure.agents.plugins.trial.survey`, which finds out which those are, to
:mod:`~perdure.agents.plugins.trial.process`, which starts the process and hears from it; what runs
there is :mod:`~perdure.agents.plugins.trial.main`.
"""
