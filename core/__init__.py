"""Perdure runs AI agents that finish what they start.

Agent authors import :mod:`perdure.agents`; everything else serves the worker, the API and the
command line. This module stays empty so that ``import perdure`` costs nothing.
"""
