"""Webhooks by the Standard Webhooks specification: endpoints, what is owed to them, and its delivery."""
