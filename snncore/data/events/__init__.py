"""Event data: streams of camera and cochlea events, cut into one frame per time step."""
