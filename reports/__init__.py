"""Plotly pages made from a study."""
