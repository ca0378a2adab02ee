"""Generated Python, run as it is: it prunes what Secateur prunes, and loads what Secateur saves."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import pruner
from pruner import PrunerError, Recipe
from pruner.cli import main
from pruner.python_out.loading import loader
from pruner.python_out.script import script


def net() -> nn.Module:
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(4, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 12), nn.Linear(12, 8))
    with torch.no_grad():
        made[3].weight[::3, ::2] = 0
    return made


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(1)
    state = net().state_dict()
    torch.save(state, "net.pt")
    weights = {name: value for name, value in state.items() if name.endswith("weight")}
    save_file({name: torch.rand_like(value) for name, value in weights.items()}, "scores.safetensors")
    torch.save({"masks": {f"{name}_mask": torch.rand_like(value) < 0.5 for name, value in weights.items()}}, "masks.pt")
    return pruner.open_checkpoint("net.pt")


def run(text: str, **values: object) -> dict:
    """Run a script in which a placeholder (`module = ...`) is filled."""
    space: dict = {"given": values}
    for name in values:
        lines = [line for line in text.splitlines() if line.startswith(f"{name} = ...")]
        assert len(lines) == 1
        text = text.replace(lines[0], f"{name} = given[{name!r}]")
    exec(compile(text, "<script>", "exec"), space)
    return space


ROUNDS = {
    "l1": 'amounts = { "*.weight" = "30%", "4.weight" = 7 }',
    "l1 with ties": 'amounts = { "3.weight" = 5 }',
    "l1 to a target": 'amounts = { "*.weight" = "to 60%", "3.*" = "to 10%" }',
    "l1 global": 'scope = "global"\namounts = { "*" = "40%" }\nexclude = ["1.*"]',
    "l1 global to a target": 'scope = "global"\namounts = { "*" = "to 70%" }',
    "bounded": """scope = "global"
        amounts = { "*.weight" = 0.3 }
        floors = { "4.*" = "60%" }
        ceilings = { "0.*" = "55%" }""",
    "random": 'method = "random_unstructured"\nseed = 5\namounts = { "*.weight" = "30%" }',
    "random global": 'method = "random_unstructured"\nscope = "global"\namounts = { "*.weight" = 101 }',
    "ln": 'method = "ln_structured"\nn = 1\ndim = 1\namounts = { "*" = "25%" }',
    "ln infinite": 'method = "ln_structured"\nn = inf\ndim = -1\namounts = { "*" = 1 }',
    "ln to a target": 'method = "ln_structured"\namounts = { "*" = "to 50%" }',
    "random channels": 'method = "random_structured"\ndim = 1\namounts = { "*" = "50%", "0.*" = "to 50%" }',
    "n_m": 'method = "n_m"\ntensors = ["*"]',
    "1:8 along the first": 'method = "n_m"\nn = 1\nm = 4\ndim = 0\ntensors = ["0.weight"]',
    "threshold": 'method = "threshold"\nvalue = 0.1\ntensors = ["*.weight"]',
    "mask": 'method = "custom_from_mask"\nfile = "masks.pt"\ntensors = ["*.weight"]',
    "scores": 'method = "scores"\nfile = "scores.safetensors"\namounts = { "*.weight" = "35%" }',
    "scores to a target": 'method = "scores"\nfile = "scores.safetensors"\namounts = { "*.weight" = "to 35%" }',
    "scores global": 'method = "scores"\nscope = "global"\nfile = "scores.safetensors"\namounts = { "*.weight" = 0.5 }',
}
ALL = [["l1"], *([name] for name in ROUNDS if name != "l1"), ["l1", "ln", "n_m", "l1 global"]]
ALL += [
    ["random", name] for name in ("l1", "l1 global to a target", "bounded", "ln", "random channels", "scores global")
]


@pytest.mark.parametrize(
    ("names", "style"),
    [*((names, "function") for names in ALL), *((names, "class") for names in ALL if names[0] != "random")],
)
def test_that_a_script_prunes_a_live_module_as_secateur_does(checkpoint, names, style):
    result = Recipe.parse("\n".join(f"[[round]]\n{ROUNDS[name]}" for name in names)).apply(checkpoint)
    text = script(checkpoint, result.plans, result, style=style)
    module = net()
    run(text, module=module)
    expected = pruner.apply(net(), result).state_dict()
    found = module.state_dict()
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []


@pytest.mark.parametrize("name", ["l1", "l1 global", "ln", "mask", "scores", "scores global"])
def test_that_the_styles_are_torchs(checkpoint, name):
    plans = Recipe.parse(f"[[round]]\n{ROUNDS[name]}").plans(checkpoint)
    function, of_class = (script(checkpoint, plans, style=style) for style in ("function", "class"))
    assert "def smallest" not in function + of_class
    if name != "l1 global" and name != "scores global":
        assert ".apply(" in of_class
        assert ".apply(" not in function


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("names", [["l1", "ln"], ["scores global"], ["l1 global to a target", "n_m"]], ids=", ".join)
def test_that_a_script_prunes_a_file_to_the_bytes_that_secateur_saves(checkpoint, names, suffix):
    if suffix == ".safetensors":
        save_file({name: value.contiguous() for name, value in net().state_dict().items()}, "net.safetensors")
        checkpoint = pruner.open_checkpoint("net.safetensors")
    result = Recipe.parse("\n".join(f"[[round]]\n{ROUNDS[name]}" for name in names)).apply(checkpoint)
    run(script(checkpoint, result.plans, result, goal="state_dict"))
    pruner.save(checkpoint, result, f"expected{suffix}")
    expected, found = (pruner.open_checkpoint(f"{one}{suffix}") for one in ("expected", "net-pruned"))
    assert sorted(expected.tensors) == sorted(found.tensors)
    for name in expected.tensors:
        assert expected.read(name).numpy().tobytes() == found.read(name).numpy().tobytes()


def test_that_a_training_checkpoint_keeps_what_stands_beside_the_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": net().state_dict(), "epoch": 3}, "train.pt")
    checkpoint = pruner.open_checkpoint("train.pt")
    result = Recipe.parse("[[round]]\n" + ROUNDS["l1"]).apply(checkpoint)
    run(script(checkpoint, result.plans, result, goal="state_dict"))
    saved = torch.load("train-pruned.pt")
    assert saved["epoch"] == 3
    assert int((saved["model"]["0.weight"] == 0).sum()) == result["0.weight"].pruned


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two, self.three = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.two.weight = self.one.weight


@pytest.mark.parametrize("scope", ["local", "global"])
def test_that_tied_weights_count_once(tmp_path, scope):
    torch.save(Tied().state_dict(), tmp_path / "tied.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "tied.pt")
    result = Recipe.parse(f'[[round]]\nscope = "{scope}"\namounts = {{ "*.weight" = 0.5 }}').apply(checkpoint)
    module = Tied()
    run(script(checkpoint, result.plans, result), module=module)
    for name in ("one", "two", "three"):
        assert torch.equal(getattr(module, name).weight_mask.bool(), result[f"{name}.weight"].mask.to_tensor())


def test_that_a_plan_that_has_not_run_says_what_torch_may_do(checkpoint):
    (plan,) = Recipe.parse("[[round]]\n" + ROUNDS["l1"]).plans(checkpoint)
    text = script(checkpoint, [plan])
    assert "of equal magnitudes torch may take others" in text
    assert 'prune.l1_unstructured(*find("4.weight"), amount=7)' in text


@pytest.mark.parametrize("form", ["permanent", "masked", "reversible", "masks"])
@pytest.mark.parametrize(("suffix", "compress"), [(".pt", False), (".pt", True), (".safetensors", False)])
def test_that_the_loader_loads_what_is_saved(checkpoint, form, suffix, compress):
    result = Recipe.parse("[[round]]\n" + ROUNDS["l1"]).apply(checkpoint)
    pruner.save(checkpoint, result, f"out{suffix}", form=form, compress=compress)
    text = loader(pruner.open_checkpoint(f"out{suffix}"))
    module = net().eval()
    if form != "masks":
        with torch.no_grad():
            for one in module.parameters():
                one.fill_(9)
    example = torch.rand(2, 4, 3, 3)
    run(text, module=module, **({"example": example} if form == "masked" else {}))
    expected = net()
    expected.load_state_dict(torch.load("net.pt"))
    pruner.apply(expected, result)
    assert torch.equal(module(example), expected.eval()(example))
    assert ("prune.identity" in text) == (form == "masked")
    assert ("mmap=True" in text) == compress


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_that_a_reversible_file_is_pruned_on_without_its_masks(checkpoint, suffix):
    first = Recipe.parse("[[round]]\n" + ROUNDS["l1"]).apply(checkpoint)
    pruner.save(checkpoint, first, f"both{suffix}", form="reversible")
    both = pruner.open_checkpoint(f"both{suffix}")
    second = Recipe.parse("[[round]]\n" + ROUNDS["ln"]).apply(both)
    run(script(both, second.plans, second, goal="state_dict"))
    found = pruner.open_checkpoint(f"both-pruned{suffix}")
    assert found.tensors.keys() == checkpoint.tensors.keys()
    assert int((found.read("3.weight") == 0).sum()) == second["3.weight"].zeros


def test_that_what_torch_cannot_do_is_refused(checkpoint, tmp_path):
    plan = pruner.Plan({"0.weight": pruner.Step(pruner.Amount(0.5))})
    torch.save({"0.weight": torch.ones(4, 4).to(torch.float8_e4m3fn)}, "eight.pt")
    with pytest.raises(PrunerError, match="float8"):
        script(pruner.open_checkpoint("eight.pt"), [plan])
    with pytest.raises(PrunerError, match="nothing is pruned or planned"):
        script(checkpoint, [])
    torch.save(net(), "whole.pt")
    plan = pruner.Plan({"1.running_mean": pruner.Step(pruner.Amount(0.5))})
    with pytest.raises(PrunerError, match="is a buffer"):
        script(pruner.open_checkpoint("whole.pt"), [plan])


def test_that_the_command_line_writes_the_script(checkpoint, capfd):
    """Its end, without the signs of comments, is the loader."""
    arguments = [
        "prune",
        "net.pt",
        "-o",
        "out.pt",
        "--form",
        "masked",
        "--amount",
        "*.weight=30%",
        "--script",
        "own.py",
    ]
    assert main([*arguments, "--script-style", "class"]) == 0
    text = Path("own.py").read_text()
    assert "prune.L1Unstructured.apply(*find(name), amount=0.3)" in text
    text, _, commented = text.partition("# What was saved (masked form) loads like this:\n#\n")
    module, again = net(), net()
    run(text, module=module)
    loading = "\n".join(line[2:] for line in commented.splitlines())
    run(loading, module=again, example=torch.rand(2, 4, 3, 3))
    assert torch.equal(module[3].weight, again[3].weight)
    assert torch.equal(module[3].weight_mask, again[3].weight_mask)
    capfd.readouterr()
    assert main([*arguments, "--script", "out.pt", "--force"]) == 1
    assert "need names of their own" in capfd.readouterr().err
    assert main([*arguments[:3], "new.pt", *arguments[4:]]) == 1
    assert "own.py: it exists already" in capfd.readouterr().err
    assert not Path("new.pt").exists()


def test_that_names_in_files_are_never_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = 'a\nraise SystemExit("ran")\n"""\n\'\n@NAME@.weight'
    masks = 'b\nraise SystemExit("ran")\n.safetensors'
    torch.save({evil: torch.rand(4, 4)}, "evil.pt")
    save_file({evil: torch.ones(4, 4)}, masks)
    checkpoint = pruner.open_checkpoint("evil.pt")
    plan = pruner.Plan.match(checkpoint, {evil: 0}, method="custom_from_mask", options={"file": masks})
    result = pruner.prune(checkpoint, plan)
    run(script(checkpoint, [plan], result, goal="state_dict"))
    assert torch.load("evil-pruned.pt").keys() == {evil}
    assert Recipe.parse(Recipe.of(checkpoint, [plan], result).text()).plans(checkpoint) == (plan,)


@pytest.mark.parametrize("name", ["shards", "shards.pt"])
def test_that_a_folder_of_shards_loads_and_prunes(checkpoint, name):
    result = Recipe.parse("[[round]]\n" + ROUNDS["l1"]).apply(checkpoint)
    pruner.save(checkpoint, result, name, shard_bytes=800)
    shards = pruner.open_checkpoint(name)
    assert len(shards.files) > 2
    module = net()
    run(loader(shards), module=module)
    expected = pruner.apply(net(), result)
    assert torch.equal(module[3].weight, expected[3].weight)
    again = Recipe.parse("[[round]]\n" + ROUNDS["ln"]).apply(shards)
    space = run(script(shards, again.plans, again, goal="state_dict"))
    assert int((space["state"]["3.weight"] == 0).sum()) == again["3.weight"].zeros
