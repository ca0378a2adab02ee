"""What pruning costs without data, for every parameter at once, and plans that keep to a budget."""
