"""The page as HTML: sections, figures, legends, and their scripts from `reports/assets`."""
