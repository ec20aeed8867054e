"""Event data: streams of camera and cochlea events, cut into frames that a network reads step by step."""
