"""Ray Tune's loop over a study: what it hands out, what comes back, and why it ends."""
