"""Encryption of what an installation stores and hands to Temporal, with keys of its own."""
