"""What runs in a process of its own, for a user's Python: it builds a model, gives it weights and evaluates it.

`start.py` is run by its path, by an interpreter that may be another one with its own torch (Python 3.9 and torch 2.0
are enough) and need not have Secateur: nothing is imported here but the standard library and torch.
"""
