"""The Pareto front: its figures, its table, the summary, and a reader's budgets."""
