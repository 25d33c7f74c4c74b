"""Converting documents to DOCX and PDF."""
