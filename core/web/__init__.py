"""The pages: what :mod:`perdure.api` answers to a browser, drawn on the server."""
