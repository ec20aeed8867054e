"""A study on the disk: its folder, its storage, who drives it, and how it is begun or continued."""
