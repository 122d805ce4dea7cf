"""The world of captioned motion, and the recipes that train on it."""
