"""The audit trail as its auditors see it: facts, seals over them, and their verification.

Nothing in here reads a database: what is verified is a file, with nothing but a public key.
"""
