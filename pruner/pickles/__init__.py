"""Pickles read, understood and written as data: nothing that one names is ever imported or called."""
