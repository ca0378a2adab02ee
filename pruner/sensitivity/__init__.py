"""What pruning costs without data, for every parameter at once, and plans that keep to a budget.

    names = choose(checkpoint)
    profiles = profiles_of(checkpoint, names)
    Whole(profiles).at(0.9)
    curves, left = {one.name: one.curve for one in profiles}, {one.name: one.left for one in profiles}
    held = HoldOut().reasons(checkpoint, names)
    proposal = propose(str(checkpoint.path), curves, left, budget=Amount(0.7), bounds=Bounds(), held=held)
    recipe_of(checkpoint, proposal).write("recipe.toml")

`propose` takes any `CostCurve` by parameter, so that measured costs can take the place of those of the weights alone.
"""
