"""The demo model: a small network that reads digits, its weights and its test set."""
