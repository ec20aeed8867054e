"""Trials: kept in the study's storage, judged at their end, written to the record."""
