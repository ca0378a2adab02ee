"""The functions that a script brings along for what torch.nn.utils.prune has no method for."""

from __future__ import annotations

from collections.abc import Collection, Iterator

_NEEDS = {
    "n_m": ("kept_of",),
    "threshold": ("kept_of",),
    "prune_smallest": ("kept_of", "number_of", "smallest", "smallest_of_all"),
    "smallest_between": ("smallest", "smallest_of_all"),
    "prune_channels": ("kept_of", "number_of", "smallest"),
}
_IMPORTS = {"random_keys": ("hashlib", "numpy as np"), "smallest_between": ("math",)}

_TEXTS = {
    "kept_of": '''
def kept_of(module, name):
    """Which elements no round has pruned yet."""
    mask = getattr(module, name + "_mask", None)
    return torch.ones_like(getattr(module, name), dtype=torch.bool) if mask is None else mask.bool()
''',
    "number_of": '''
def number_of(amount, left, total, target):
    """How many a ratio, a count, or the sparsity to arrive at is, where `left` of `total` are left."""
    if target:
        return max(0, round(amount * total) - (total - left))
    return round(amount * left) if isinstance(amount, float) else amount
''',
    "smallest": '''
def smallest(keys, kept, count):
    """The mask without the `count` smallest of what is kept; equal keys in the order of their indices, NaN last."""
    left = kept.flatten().nonzero().squeeze(1)
    order = keys.to(kept.device).flatten()[left].argsort(stable=True)
    mask = kept.flatten().clone()
    mask[left[order[:count]]] = False
    return mask.view(kept.shape)
''',
    "smallest_of_all": '''
def smallest_of_all(keys, kept, count):
    """The masks of several tensors without the `count` smallest of all of them."""
    joined = [torch.cat([one.flatten() for one in each]) for each in (keys, kept)]
    parts = smallest(*joined, count).split([one.numel() for one in kept])
    return [part.view(one.shape) for part, one in zip(parts, kept)]
''',
    "smallest_between": '''
def smallest_between(keys, kept, count, bounds):
    """The same, so that the sparsity of each tensor ends between its floor and its ceiling."""
    floors, ceilings = [], []
    for key, mask, (low, high) in zip(keys, kept, bounds):
        gone = int((~mask).sum())
        least = max(0, math.ceil(low * mask.numel() - 1e-6) - gone)
        most = max(least, math.floor(high * mask.numel() + 1e-6) - gone)
        floors.append(smallest(key, mask, least))
        ceilings.append(smallest(key, mask, most))
        count -= least
    between = [floor & ~ceiling for floor, ceiling in zip(floors, ceilings)]
    return [mask | ceiling for mask, ceiling in zip(smallest_of_all(keys, between, count), ceilings)]
''',
    "prune_smallest": '''
def prune_smallest(parameters, keys, amount, target=False, bounds=None):
    """Prune the elements with the smallest keys of all parameters together, to a target those that are zero first."""
    kept = [kept_of(*one) for one in parameters]
    free = [mask & (getattr(*one) != 0) for mask, one in zip(kept, parameters)] if target else kept
    count = number_of(amount, sum(int(one.sum()) for one in free), sum(one.numel() for one in free), target)
    masks = kept
    if count:
        masks = @CHOOSE@
    for one, mask in zip(parameters, masks):
        @MASK@(*one, mask=mask)
''',
    "prune_channels": '''
def prune_channels(module, name, keys, amount, dim, target=False):
    """Prune the channels with the smallest keys; a channel is left while one of its elements is."""
    kept = kept_of(module, name)
    left = kept.movedim(dim, 0).flatten(1).any(1)
    channels = smallest(keys, left, number_of(amount, int(left.sum()), len(left), target))
    shape = [1] * kept.dim()
    shape[dim] = -1
    @MASK@(module, name, mask=kept & channels.view(shape))
''',
    "norms": '''
def norms(module, name, n, dim):
    """The norm of each channel along a dimension."""
    values = getattr(module, name).detach().double()
    return torch.linalg.vector_norm(values.movedim(dim, 0).flatten(1), ord=n, dim=1)
''',
    "random_keys": '''
def random_keys(name, count, seed):
    """Secateur's random order: 31 bits a unit from PCG64, which the seed and the tensor's name begin."""
    words = np.frombuffer(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest(), dtype="<u4").tolist()
    raw = np.random.PCG64(np.random.SeedSequence([seed, *words])).random_raw((count + 1) // 2)
    keys = np.asarray(raw, dtype="<u8").view("<u4")[:count] >> 1
    return torch.from_numpy(np.minimum(keys, 2**31 - 2).astype(np.int64))
''',
    "n_m": '''
def n_m(module, name, n, m, dim):
    """The mask that keeps the `n` largest magnitudes of every `m` neighbours along a dimension."""
    values, kept = getattr(module, name).detach(), kept_of(module, name)
    magnitudes = torch.where(kept, values.abs().double(), -1)
    order = magnitudes.movedim(dim, -1).unflatten(-1, (-1, m)).argsort(dim=-1, stable=True)
    largest = torch.zeros_like(order, dtype=torch.bool).scatter(-1, order[..., m - n :], True)
    return kept & largest.flatten(-2).movedim(-1, dim)
''',
    "threshold": '''
def threshold(module, name, value):
    """The mask without all elements whose magnitude is at most a value."""
    return kept_of(module, name) & ~(getattr(module, name).detach().abs().double() <= value)
''',
}


def functions(names: Collection[str], mask_call: str) -> Iterator[str]:
    """The texts of functions and of those that they call, in the order of calls; `mask_call` is what applies a mask."""
    wanted = {*names, *(inner for name in names for inner in _NEEDS.get(name, ()))}
    plain = "smallest_of_all(keys, free, count)"
    choose = f"smallest_between(keys, free, count, bounds) if bounds else {plain}"
    for name, text in _TEXTS.items():
        if name in wanted:
            chosen = choose if "smallest_between" in wanted else plain
            yield text.strip().replace("@MASK@", mask_call).replace("@CHOOSE@", chosen)


def imports(names: Collection[str]) -> list[str]:
    """The modules that functions need beside torch."""
    return sorted({module for name in names for module in _IMPORTS.get(name, ())})
