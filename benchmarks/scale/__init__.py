"""Ten thousand goals handed in at once, beside as many of the SDK's workflows written by hand."""
