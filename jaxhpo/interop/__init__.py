"""Studies from elsewhere, and ours for others: Optuna, tables."""
