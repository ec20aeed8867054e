"""How the search went: hypervolume, time line, what early stopping saved, how trials ended."""
