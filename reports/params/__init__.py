"""What the searched params did: importance, effects, interactions, the method's own params."""
