"""What the service does, in plain Python: both doors call this and nothing behind it."""
