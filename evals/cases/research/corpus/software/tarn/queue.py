"""A client of tarn."""

LEASE_SECONDS = 20  # the lease of a worker
PORT = 7711


def lease_a_job(worker: str, seconds: int = LEASE_SECONDS) -> str:
    """Lease a job for a worker."""
    return f"LEASE {worker} {seconds}"
