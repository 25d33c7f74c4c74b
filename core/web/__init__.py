"""The pages: what :mod:`holdfast.api` answers to a browser, drawn on the server."""
