"""The trials of a study as the page's columns."""
