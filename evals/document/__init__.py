"""How well the document agent reads: words, cells, fields, scans."""
