"""The record of a study (Parquet), Pareto mathematics, picking and exporting a config."""
