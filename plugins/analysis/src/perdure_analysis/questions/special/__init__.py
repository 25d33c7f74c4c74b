"""Questions of a form of their own: shares, ratios, growth, correlations, groups by a figure."""
