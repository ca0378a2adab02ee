"""Hostile pickles: how they are made, what they are in, and the watch over what opens them."""
