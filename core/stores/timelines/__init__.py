"""Timelines: what a run did when, read from its events, its journal and its ledger."""
