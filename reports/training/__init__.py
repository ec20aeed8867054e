"""How the networks learned: curves, branches, early exits, final trainings."""
