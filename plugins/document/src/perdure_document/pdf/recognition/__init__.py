"""Recognising text in the pictures of pages (OCR), with the extra ``perdure-document[ocr]``."""
