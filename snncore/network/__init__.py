"""Networks: bodies by architecture, branches, and the whole that is trained."""
