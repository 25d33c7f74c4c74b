"""What every request passes before a route has it: identity, limits, the audit table."""
