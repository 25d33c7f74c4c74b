"""Redacting Word documents and workbooks: every part of their packages."""
