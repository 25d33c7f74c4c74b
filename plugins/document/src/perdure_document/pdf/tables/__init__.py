"""Tables on a page of a PDF, found by their ruling lines or by how their columns align."""
