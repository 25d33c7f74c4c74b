"""OpenID Connect: bearer tokens of an identity provider, and its sign-in for the pages."""
