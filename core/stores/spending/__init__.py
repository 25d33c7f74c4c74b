"""What runs spend and do: the ledger of model requests, totals, metrics, cached responses."""
