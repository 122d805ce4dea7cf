"""The processes that the service runs as, how they start and how they end."""
