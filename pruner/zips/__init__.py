"""Zip archives: what they hold and where, patched copies, new ones."""
