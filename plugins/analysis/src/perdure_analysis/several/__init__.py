"""Several files as one table: below each other, or joined."""
