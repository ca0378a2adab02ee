"""Pruning as Python scripts that need nothing but torch: what was done, or is planned, and how a saved file loads."""
