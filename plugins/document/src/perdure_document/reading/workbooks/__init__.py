"""Excel workbooks: their sheets as the tables, charts and remarks that people see."""
