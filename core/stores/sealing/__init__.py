"""Sealed columns: what the stores keep of people's words as ciphertext, once keys are set."""
