"""Recognising dates, amounts, numbers of accounts and cards, phones and e-mail in text."""
