"""The process that reads a PDF: it puts together what stands on its pages."""
