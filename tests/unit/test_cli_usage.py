"""What `secateur prune` teaches: its help, and what it says about wrong usage and faults."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pruner.cli import main
from pruner.methods import methods, options_of, scopes_of, takes_amount
from pruner.prune import DEFAULT_MEMORY

DATA = Path(__file__).parents[1] / "data"
WEIGHTS = "*.weight=30%"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """A folder with a network in `net.pt`, and with files that are no masks or scores of it."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    torch.save(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(16, 12)).state_dict(), "net.pt")
    shutil.copy(DATA / "facenet" / "pnet.pt", "pnet.pt")
    save_file({"2.weight": torch.ones(12, 16)}, "ones.safetensors")
    torch.save({"0.weight": torch.ones(2, 2)}, "small.pt")
    (tmp_path / "a.txt").write_text("no checkpoint at all, only text")
    (tmp_path / "more").mkdir()
    return tmp_path


def helped(capfd, monkeypatch) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["prune", "--help"]) == 0
    return capfd.readouterr().out


def test_that_help_teaches_every_method(capfd, monkeypatch):
    lines = helped(capfd, monkeypatch).splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    for name, method in methods().items():
        section = text[text.index(f"{name} ({method.title}") :]
        assert method.about in section
        chosen_by = "--amount PATTERN=AMOUNT" if takes_amount(method) else "--tensors PATTERN in place of --amount"
        assert f"{chosen_by}; scope {' or '.join(scopes_of(method))}." in section
        for one in options_of(method):
            default = "required" if one.default is None else f"default: {one.default}"
            assert f"--option {one.name}=" in section
            assert f"{one.title}: {one.about} [{default}]" in section


def test_that_every_example_of_the_help_is_right(folder, capfd, monkeypatch):
    lines = helped(capfd, monkeypatch).replace("\\\n", " ").splitlines()
    commands = [shlex.split(line) for line in lines if line.startswith("  secateur prune model.pt ")]
    names = ("conv1.weight", "encoder.0.weight", "head.weight")
    state = {name: torch.randn(8, 8) for name in names}
    torch.save(state, "model.pt")
    torch.save(state, "scores.pt")
    torch.save({name: tensor > 0 for name, tensor in state.items()}, "masks.pt")
    Path("recipe.toml").write_text('[[round]]\namounts = { "*.weight" = 0.5 }\n')
    assert len(commands) >= 8
    for _, *arguments in commands:
        assert main([*arguments, "--force"]) == 0, capfd.readouterr().err


def test_that_help_imports_neither_torch_nor_qt():
    code = "import sys, pruner.cli as c; c.main(['prune', '--help']); print({'torch', 'PySide6'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "set()"


NEW_METHOD = '''
"""All elements but the first."""

from dataclasses import dataclass

import numpy as np

from pruner.mask import Mask
from pruner.methods import option


@dataclass(frozen=True)
class First:
    name, title, about, passes = "first", "First", "Keeps the first elements alone.", 1
    count: int = option("Count", "How many stay.", int, 1)

    def unfit(self, info):
        return ""

    def mask(self, elements):
        return Mask.from_bools((np.arange(elements.numel) < self.count).reshape(elements.shape))


METHOD = First
'''


def test_that_a_new_file_of_a_method_is_all_that_the_command_needs(folder):
    (folder / "more" / "first.py").write_text(NEW_METHOD)
    code = "import sys, pruner.methods as m; m.__path__.append('more'); from pruner.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "prune"]
    told = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert "Keeps the first elements alone." in told.stdout
    assert "--option count=INTEGER  Count: How many stay.  [default: 1]" in told.stdout
    arguments = ["net.pt", "-o", "out.pt", "--method", "first", "--option", "count=3", "--tensors", "2.weight"]
    subprocess.run([*command, *arguments], capture_output=True, check=True)
    assert int((torch.load("out.pt")["2.weight"] != 0).sum()) == 3


def test_that_the_memory_that_help_tells_is_the_engines(capfd, monkeypatch):
    assert f"[default: {DEFAULT_MEMORY // 2**20}MiB]" in helped(capfd, monkeypatch)
    assert DEFAULT_MEMORY % 2**20 == 0


WRONG_USAGE = {
    "an unknown method": (["--method", "l2", "--amount", WEIGHTS], "'l1_unstructured', 'ln_structured'"),
    "an unknown option": (
        ["--method", "ln_structured", "--option", "axis=1", "--amount", WEIGHTS],
        "options are n, dim",
    ),
    "an option of a method that has none": (["--option", "dim=1", "--amount", WEIGHTS], "it has none"),
    "a text for a number": (["--method", "ln_structured", "--option", "dim=x", "--amount", WEIGHTS], "whole number"),
    "a fraction for a whole number": (["--method", "n_m", "--option", "n=1.5", "--tensors", "*"], "whole number"),
    "an option without its value": (["--method", "n_m", "--option", "n", "--tensors", "*"], "such as dim=1"),
    "an option with an empty value": (["--method", "scores", "--option", "file=", "--amount", WEIGHTS], "NAME=VALUE"),
    "a norm that is none": (["--method", "ln_structured", "--option", "n=nan", "--amount", WEIGHTS], "1, 2 or inf"),
    "a pattern that is none": (["--method", "n_m", "--option", "n=5", "--tensors", "*"], "5:4 is no pattern"),
    "a negative threshold": (["--method", "threshold", "--option", "value=-1", "--tensors", "*"], "0 or above"),
    "a negative seed": (["--method", "random_structured", "--option", "seed=-1", "--amount", WEIGHTS], "starts at 0"),
    "no file of scores": (["--method", "scores", "--amount", WEIGHTS], "needs --option file="),
    "no file of masks": (["--method", "custom_from_mask", "--tensors", "*"], "needs --option file="),
    "no threshold": (["--method", "threshold", "--tensors", "*"], "needs --option value="),
    "no amount": (["--method", "ln_structured"], "add --amount"),
    "an amount for a method that takes none": (["--method", "n_m", "--amount", WEIGHTS], "write --tensors"),
    "both": (["--method", "n_m", "--amount", WEIGHTS, "--tensors", "*"], "write --tensors"),
    "tensors for a method that takes an amount": (["--tensors", "*"], "write --amount"),
    "no tensors": (["--method", "n_m"], "add --tensors"),
    "a scope the method lacks": (
        ["--method", "ln_structured", "--scope", "global", "--amount", WEIGHTS],
        "l1_unstructured, random_unstructured, scores",
    ),
    "an unknown scope": (["--scope", "all", "--amount", WEIGHTS], "'local', 'global'"),
    "two amounts for one scope": (
        ["--scope", "global", "--amount", WEIGHTS, "--amount", "2.*=5"],
        "give every --amount",
    ),
    "a floor where each tensor counts": (["--floor", "*=10%", "--amount", WEIGHTS], "--scope global only"),
    "a ceiling where each tensor counts": (["--ceiling", "*=10%", "--amount", WEIGHTS], "--scope global only"),
    "a floor without its sparsity": (["--scope", "global", "--floor", "*", "--amount", WEIGHTS], "PATTERN=SPARSITY"),
    "a count for a sparsity": (["--scope", "global", "--floor", "*=10", "--amount", WEIGHTS], "10% or 0.1"),
    "one for a sparsity": (["--scope", "global", "--ceiling", "*=1", "--amount", WEIGHTS], "100% or 1.0"),
    "a target for a sparsity": (["--scope", "global", "--ceiling", "*=to 5%", "--amount", WEIGHTS], "no sparsity"),
    "a sparsity out of range": (["--scope", "global", "--ceiling", "*=120%", "--amount", WEIGHTS], "0% and 100%"),
    "a target that is a count": (["--amount", "*=to 1000"], "to 80%"),
    "a target out of range": (["--amount", "*=to 120%"], "0% and 100%"),
    "no memory": (["--memory", "0", "--amount", WEIGHTS], "no size"),
    "endless memory": (["--memory", f"{10**400}TB", "--amount", WEIGHTS], "no size"),
    "a line break": (["--option", "a\nb\x1b[31m=1", "--amount", WEIGHTS], "a\\nb\\x1b[31m"),
}


@pytest.mark.parametrize("case", WRONG_USAGE)
@pytest.mark.parametrize("file", ["net.pt", "missing.pt"])
def test_that_wrong_usage_is_status_2_and_says_what_to_do(folder, capfd, case, file):
    arguments, says = WRONG_USAGE[case]
    before = sorted(folder.iterdir())
    assert main(["prune", file, "-o", "out.pt", *arguments]) == 2
    out, err = capfd.readouterr()
    assert (out, sorted(folder.iterdir())) == ("", before)
    (line,) = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert err.endswith(f"{line}\n")
    assert says in line
    assert "Traceback" not in err


AT_FAULT = {
    "no such scores": (["--method", "scores", "--option", "file=none.pt", "--amount", WEIGHTS], "none.pt"),
    "scores in a folder without any": (["--method", "scores", "--option", "file=more", "--amount", WEIGHTS], "more"),
    "scores that are no checkpoint": (["--method", "scores", "--option", "file=a.txt", "--amount", WEIGHTS], "a.txt"),
    "scores of another model": (["--method", "scores", "--option", "file=pnet.pt", "--amount", WEIGHTS], "“0.weight”"),
    "scores of another shape": (["--method", "scores", "--option", "file=small.pt", "--amount", WEIGHTS], r"[2, 2]"),
    "a mask of other numbers": (
        ["--method", "custom_from_mask", "--option", "file=net.pt", "--tensors", "2.weight"],
        "“2.weight” has other numbers than 0",
    ),
    "a mask that is missing": (
        ["--method", "custom_from_mask", "--option", "file=ones.safetensors", "--tensors", "2.bias"],
        "no mask for “2.bias”",
    ),
    "tensors that are not there": (["--method", "n_m", "--tensors", "3.weight"], "Close names: "),
    "no tensor that fits": (["--method", "n_m", "--option", "m=5", "--tensors", "*"], "nothing to prune"),
    "a tensor that does not fit": (["--method", "ln_structured", "--amount", "2.bias=1"], "does not fit “2.bias”"),
    "more channels than there are": (["--method", "ln_structured", "--amount", "2.weight=13"], "“2.weight”"),
    "more elements than there are": (["--scope", "global", "--amount", "*=1000000"], "tensors together"),
    "a floor that matches nothing": (["--scope", "global", "--floor", "9*=1%", "--amount", WEIGHTS], "“9*”"),
    "floors above the amount": (["--scope", "global", "--floor", "*=60%", "--amount", WEIGHTS], "floors"),
    "ceilings below the amount": (["--scope", "global", "--ceiling", "*=10%", "--amount", WEIGHTS], "ceilings"),
    "a floor above the ceiling": (
        ["--scope", "global", "--floor", "*=60%", "--ceiling", "*=40%", "--amount", "*=50%"],
        "leave no room",
    ),
}


@pytest.mark.parametrize("case", AT_FAULT)
def test_that_a_fault_of_the_input_is_status_1_and_one_line(folder, capfd, case):
    arguments, says = AT_FAULT[case]
    before = sorted(folder.iterdir())
    assert main(["prune", "net.pt", "-o", "out.pt", *arguments]) == 1
    out, err = capfd.readouterr()
    assert (out, sorted(folder.iterdir())) == ("", before)
    assert len(err.splitlines()) == 1
    assert err.startswith("secateur: ")
    assert says in err
