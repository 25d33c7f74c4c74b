"""Sealing the audit trail, anchoring the seals outside, and deleting the oldest facts."""
