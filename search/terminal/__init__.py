"""What a search prints, and what it shows while it runs."""
