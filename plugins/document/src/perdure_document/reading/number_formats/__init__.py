"""Number formats: how a workbook shows a value."""
