raise RuntimeError("x" * 2_000_000)
