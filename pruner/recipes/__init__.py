"""Recipes: plans saved as small TOML files, with patterns instead of names."""
