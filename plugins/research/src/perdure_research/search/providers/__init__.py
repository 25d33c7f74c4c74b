"""Search providers: each speaks the API of one service."""
