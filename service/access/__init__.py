"""Who is asking, and for how much."""
