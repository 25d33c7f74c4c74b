"""Replays of runs, in processes of their own: of this environment, and of others."""
