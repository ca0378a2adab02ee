"""The command in a shell: completion, pipes, help with examples, the version."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from app.__main__ import main as command
from pruner import __version__
from pruner.cli import VERBS, main

BASH = shutil.which("bash")
needs_bash = pytest.mark.skipif(BASH is None or sys.platform == "win32", reason="bash is not there")
TRY = """
compopt() { local IFS=' '; echo "compopt $*"; }
offer() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _secateur_completion secateur
    echo "${COMPREPLY[@]}"
}
offer secateur ""
offer secateur prune net.pt --amount features.0.w
offer secateur prune net.pt --exclude "*"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """A folder with a network, and the command on the path."""
    monkeypatch.chdir(tmp_path)
    names = ("features.0.weight", "features.0.bias", "head.weight", "it's odd.weight")
    both = ("state_dict", "ema_state_dict")
    torch.save({key: {name: torch.randn(8, 8) for name in names} for key in both}, "net.pt")
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "secateur"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m app "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    return tmp_path


@pytest.fixture
def offered(folder, capfd, monkeypatch):
    """What a shell is told to offer for the last of some words, as its script asks for it."""

    def ask(*words: str, shell: str = "bash") -> list[str]:
        monkeypatch.setenv("_SECATEUR_COMPLETE", f"{shell}_complete")
        monkeypatch.setenv("COMP_WORDS", shlex.join(["secateur", *words]))
        monkeypatch.setenv("COMP_CWORD", words[-1] if shell == "fish" else str(len(words)))
        with pytest.raises(SystemExit) as end:
            command([])
        out, err = capfd.readouterr()
        assert (end.value.code, err) == (0, "")
        return out.removesuffix("\n").split("\n")

    return ask


def plain(*values: str) -> list[str]:
    return [f"plain,{value}" for value in values]


@needs_bash
def test_that_the_script_completes_in_bash(folder):
    script = subprocess.run(["secateur", "completion", "bash"], capture_output=True, text=True, check=True).stdout
    found = subprocess.run([BASH, "--norc", "-c", script + TRY], capture_output=True, text=True)
    assert found.stderr == ""
    assert found.stdout.splitlines() == [
        "compopt -o default",  # files, where no verb begins so
        " ".join(sorted(VERBS)),
        "compopt -o nospace",
        "features.0.weight=",
        "* *.weight",
    ]


def test_that_verbs_options_and_their_values_are_offered(offered):
    assert offered("") == ["file,", *plain(*sorted(VERBS))]
    assert offered("--d") == plain("--demo")
    assert offered("prune", "net.pt", "--metho") == plain("--method")
    assert offered("prune", "net.pt", "--method", "l") == plain("l1_unstructured", "ln_structured")
    assert offered("prune", "net.pt", "--method", "n_m", "--option", "d") == plain("dim=")
    assert offered("prune", "net.pt", "--option", "d") == [""]
    assert set(plain("masked", "permanent")) <= {*offered("prune", "net.pt", "--form", "")}
    assert offered("prune", "net.pt", "--device", "c") == plain("cpu", "cuda")
    assert offered("check", "net.pt", "--only", "dead") == plain("dead_channels")
    assert offered("inspect", "n") == ["file,n"]


def test_that_the_tensors_of_the_file_are_offered(offered):
    known = ["*", "*.weight", "features.*", "features.0.weight", "features.0.bias", "head.weight"]
    assert offered("prune", "net.pt", "--exclude", "") == plain(*known)
    assert offered("prune", "-o", "out.pt", "net.pt", "--tensors", "h") == plain("head.weight")
    assert offered("prune", "net.pt", "--amount", "") == plain(*(f"{name}=" for name in known))
    assert offered("prune", "net.pt", "--root", "ema") == plain("ema_state_dict")
    assert offered("inspect", "net.pt", "--root", "state") == plain("state_dict")


def test_that_completion_never_complains(offered, folder):
    (folder / "broken.pt").write_bytes(b"PK\x03\x04 and no more")
    for words in (["none.pt", "--amount", "x"], ["broken.pt", "--exclude", ""], ["--exclude", ""], [".", "--root", ""]):
        assert offered("prune", *words) == [""]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_that_the_other_shells_get_names_with_what_they_are(offered, capfd, shell):
    found = "\n".join(offered("prune", "net.pt", "--exclude", "head", shell=shell))
    assert "head.weight" in found
    assert "8 × 8 float32" in found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_that_each_script_asks_the_command(capfd, shell):
    assert main(["completion", shell]) == 0
    script = capfd.readouterr().out
    assert f"_SECATEUR_COMPLETE={shell}_complete" in script
    no_space = {"bash": "compopt -o nospace", "zsh": "ending=(-S '')", "fish": ""}
    assert no_space[shell] in script


def test_that_completing_imports_neither_torch_nor_qt(folder):
    code = (
        "import sys\n"
        "from app.__main__ import main\n"
        "try: main([])\n"
        "except SystemExit: print({'torch', 'PySide6'} & {*sys.modules})"
    )
    asked = {"_SECATEUR_COMPLETE": "bash_complete", "COMP_WORDS": "secateur prune net.pt --amount ", "COMP_CWORD": "4"}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | asked)
    assert "plain,head.weight=" in found.stdout
    assert found.stdout.splitlines()[-1] == "set()"


@needs_bash
@pytest.mark.parametrize("arguments", ["inspect net.pt", "--help"])
def test_that_a_reader_that_goes_away_is_no_fault(folder, arguments):
    script = f"secateur {arguments} | true; echo ${{PIPESTATUS[0]}}"
    found = subprocess.run([BASH, "-c", script], capture_output=True, text=True)
    assert (found.stdout, found.stderr) == ("0\n", "")


_SHAPE = (40, 30)
_MODEL = """
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Module()
        self.fc.weight = torch.nn.Parameter(torch.ones(40, 30))
    def forward(self, images):
        return images.mean() * self.fc.weight
def loss(model):
    return model(torch.ones(1, 3, 4, 4)).sum().item()
build = Net
"""
DASHES = (["inspect", "-"], ["diff", "-", "net.pt"], ["check", "-"], ["prune", "-", "-o", "out.pt", "--amount", "*=1"])
DASHES = (*DASHES, ["prune", "net.pt", "-o", "-", "--amount", "*=1"], ["check", "net.pt", "--repair", "-"], ["-"])


@pytest.mark.parametrize("arguments", DASHES)
def test_that_a_pipe_is_wrong_usage_and_says_why(folder, capfd, arguments):
    assert command(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "files are read and written in places" in err
    assert not (folder / "-").exists()


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "completion"])
def test_that_every_example_runs_and_help_tells_the_keys_of_the_json(folder, capfd, monkeypatch, verb):
    monkeypatch.setenv("COLUMNS", "80")
    assert main([verb, "--help"]) == 0
    told = capfd.readouterr().out
    assert max(map(len, told.splitlines())) <= 80
    state = {"fc.weight_orig": torch.ones(4, 4), "fc.weight_mask": torch.eye(4)}
    torch.save(state, "masked.pt")
    weight = torch.ones(*_SHAPE)
    torch.save({"fc.weight": weight.index_fill(1, torch.tensor([0]), -0.0)}, "model.pt")
    torch.save({"fc.weight": weight}, "pruned.pt")
    torch.save({"model": {"fc.weight": weight}, "ema_state_dict": {"fc.weight": 0 * weight}}, "run.pt")
    Path("model.py").write_text(_MODEL)
    for name in ("model", "pruned"):
        assert main(["prune", f"{name}.pt", "-o", f"{name}.safetensors", "--amount", "*=0"]) == 0
    commands = [shlex.split(one) for one in re.findall(rf"^  (secateur {verb} .*)$", told.replace("\\\n", ""), re.M)]
    assert commands
    if verb != "prune":  # whose examples have a test of their own
        for _, *arguments in commands:
            assert main(arguments) == 0, capfd.readouterr().err
    capfd.readouterr()
    arguments = {
        "prune": ["-o", "o.pt", "--amount", "*=1", "--report", "r.csv"],
        "diff": ["pruned.pt"],
        "plan": ["--budget", "50%"],
        "evaluate": ["--model", "model.py:build", "--evaluate", "model.py:loss"],
    }
    assert main([verb, "model.pt", *arguments.get(verb, []), "--json"]) == 0
    keys = json.loads(capfd.readouterr().out)
    assert all(re.search(rf"\b{key}\b", told[told.index("JSON:") :]) for key in keys)


def test_that_help_says_how_completion_is_installed(capfd):
    assert main(["completion", "--help"]) == 0
    told = capfd.readouterr().out
    assert 'eval "$(secateur completion bash)"' in told
    assert "~/.config/fish/completions/secateur.fish" in told


def test_that_both_commands_tell_their_version_and_their_verbs(capfd):
    for run in (main, command):
        assert run(["--version"]) == 0
        assert capfd.readouterr().out == f"secateur {__version__}\n"
        assert run(["--help"]) == 0
        told = capfd.readouterr().out
        assert all(re.search(rf"^ +{verb} +{re.escape(about)}$", told, re.M) for verb, about in VERBS.items())


@pytest.mark.parametrize(
    "arguments", [["inspect", "net.pt", "--stats"], ["diff", "net.pt", "net.pt"], ["check", "net.pt"]]
)
def test_that_long_work_tells_how_far_it_is_over_all_tensors(folder, monkeypatch, arguments):
    told = []
    verb = sys.modules[f"pruner.cli.{arguments[0]}"]
    monkeypatch.setattr(verb, "terminal_progress", lambda: lambda done, total, _what: told.append((done, total)))
    monkeypatch.setattr(verb, "end_progress", lambda _progress: None)
    main(arguments)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) >= 4
    assert {total for _, total in told} == {told[-1][0]}
