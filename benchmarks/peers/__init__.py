"""Perdure beside others that make programs durable: the same goals, each in its own way."""
