"""``perdure audit``: who did what, and the audit trail that others can verify."""
