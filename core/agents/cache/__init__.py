"""What runs reuse of each other's work: indexes, pages that were read, text of scans."""
