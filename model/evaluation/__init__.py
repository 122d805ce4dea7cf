"""Judges of generated videos, trained on rendered truth, and the measures made with them."""
