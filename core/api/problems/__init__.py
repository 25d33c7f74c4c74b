"""The kinds of errors that the API answers with."""
