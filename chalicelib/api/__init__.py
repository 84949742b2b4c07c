"""HTTP: each blueprint parses, calls one service and serialises. ``edge`` is what all routes share."""
