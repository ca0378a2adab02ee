"""A user's function measures checkpoints in a process of its own; torch in this process is the oracle."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.utils import prune as torch_prune

import pruner
from pruner.errors import Cancelled, PrunerError
from pruner.evaluation import agreement, evaluate
from pruner.models import FileInput, ModelError, RandomInput, Runner, fit, parse_input
from pruner.models.in_child.evaluating import Evaluate
from pruner.models.in_child.faults import Refused
from tests.unit import nets

Act = Callable[[str], None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("evaluate")
    shutil.copy(nets.__file__, made / "net.py")
    torch.manual_seed(1)
    state = nets.Net().state_dict()
    torch.save(state, made / "net.pt")
    torch.save({f"module.{name}": value for name, value in state.items()}, made / "parallel.pt")
    checkpoint = pruner.open_checkpoint(made / "net.pt")
    pruner.save(checkpoint, half(checkpoint), made / "masked.pt", form="masked")
    return made


@pytest.fixture(scope="module")
def runners() -> Iterator[list[Runner]]:
    made: list[Runner] = []
    before = set(Path("/dev/shm").glob("secateur-*"))
    yield made
    assert set(Path("/dev/shm").glob("secateur-*")) <= before  # while the last ones still have theirs
    for one in made:
        one.close()


@pytest.fixture
def runner(folder: Path, runners: list[Runner]) -> Runner:
    """One for all, since a process with torch takes seconds to start; another where a test has killed it."""
    if not runners or not runners[-1].alive:
        runners.append(Runner(f"{folder}/net.py:Net", function=f"{folder}/net.py:acts"))
    return runners[-1]


@pytest.fixture
def act(folder: Path) -> Act:
    def say(code: str) -> None:
        lines = "".join(f"    {line}\n" for line in code.split("\n"))
        (folder / "act.txt").write_text(f"def act(model):\n{lines}")

    return say


@pytest.fixture
def checkpoint(folder: Path) -> pruner.Checkpoint:
    return pruner.open_checkpoint(folder / "net.pt")


def half(checkpoint: pruner.Checkpoint) -> pruner.Pruning:
    return pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {"stem.weight": 0.5}))


def module(folder: Path, *, pruned: bool = False) -> torch.nn.Module:
    """The same in this process, by torch alone."""
    made = nets.Net()
    made.load_state_dict(torch.load(folder / "net.pt"))
    if pruned:
        torch_prune.l1_unstructured(made.stem, "weight", 0.5)
        torch_prune.remove(made.stem, "weight")
    return made.eval()


def test_that_the_model_has_the_weights_that_torch_would_give_it(folder, runner, act, checkpoint):
    act("return sums(model)")
    pruning = half(checkpoint)
    masked = pruner.open_checkpoint(folder / "masked.pt")
    assert evaluate(runner, checkpoint).metrics == nets.sums(module(folder))
    assert evaluate(runner, checkpoint, pruning).metrics == nets.sums(module(folder, pruned=True))
    assert evaluate(runner, checkpoint).metrics == nets.sums(module(folder))
    assert evaluate(runner, masked).metrics == nets.sums(module(folder, pruned=True))


def test_that_what_a_function_does_to_the_weights_is_undone(folder, runner, act, checkpoint):
    act(
        "before = sums(model)\nmodel.train()\nmodel(torch.ones(4, 8))\n"
        "for one in model.parameters(): one.data.fill_(7)\nreturn before"
    )
    assert evaluate(runner, checkpoint).metrics == nets.sums(module(folder))
    act("assert not model.training\nreturn {**sums(model), 'random': torch.rand(1).item()}")
    first, second = evaluate(runner, checkpoint), evaluate(runner, checkpoint)
    assert first.metrics == second.metrics
    assert {**nets.sums(module(folder)), "random": first.metrics["random"]} == first.metrics


def test_that_only_what_changed_travels(runner, act, checkpoint):
    act("return 1")
    evaluate(runner, checkpoint)
    seen: set[str] = set()
    evaluate(runner, checkpoint, half(checkpoint), progress=lambda done, total, what: seen.add(what))
    assert {name for name in seen if name in checkpoint.tensors} == {"stem.weight"}


def test_that_what_is_printed_comes_with_the_figures(runner, act, checkpoint):
    act("print('one\\rtwo', end='')\nimport os\nos.write(1, b' three')\nreturn {'a': 1, 'samples': 64}")
    found = evaluate(runner, checkpoint)
    assert (found.metrics, found.samples, found.printed) == ({"a": 1.0}, 64, "one\ntwo three")
    act("return 2.5")
    assert (evaluate(runner, checkpoint).metrics, evaluate(runner, checkpoint).printed) == ({"acts": 2.5}, "")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("pass", "acts gave nothing back"),
        ("return torch.ones(3)", r"Tensor of shape \[3\]"),
        ("return torch.ones(())", r"return its \.item\(\)"),
        ("return 'good'", "gave a str"),
        ("return True", "gave a bool"),
        ("return float('nan')", "gave NaN"),
        ("return {'loss': float('nan')}", "NaN .* for “loss”"),
        ("return {'loss': [1]}", "list for “loss”"),
        ("return {}", "without metrics"),
        ("return {1: 2}", "key 1"),
        ("model(torch.ones(2, 7))", "net.py, line .*: RuntimeError: mat1 and mat2"),
        ("import sys; sys.exit('enough')", r"sys\.exit\('enough'\)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("torch.ones(1 << 50)", "not enough memory"),
        ("return model.gone", "has no attribute 'gone'"),
    ],
)
def test_that_what_a_function_does_wrong_is_told_and_it_can_be_tried_again(runner, act, checkpoint, code, said):
    act(code)
    with pytest.raises(ModelError, match=said) as caught:
        evaluate(runner, checkpoint)
    assert "net.py:acts failed" in str(caught.value)
    assert "Traceback" in caught.value.details
    act("return 1")
    assert evaluate(runner, checkpoint).metrics == {"acts": 1.0}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_that_a_fork_that_comes_back_is_not_heard(runner, act, checkpoint):
    act("import os\nreturn float(os.fork() > 0)")
    for _ in range(3):
        assert evaluate(runner, checkpoint).metrics == {"acts": 1.0}


def test_that_a_function_that_writes_to_the_checkpoint_is_told(folder, runner, act):
    shutil.copy(folder / "net.pt", folder / "precious.pt")
    act(f"open({str(folder / 'precious.pt')!r}, 'ab').write(b'x')\nreturn 1")
    with pytest.raises(PrunerError, match=r"precious\.pt: the file changed while .*acts ran"):
        evaluate(runner, pruner.open_checkpoint(folder / "precious.pt"))


def test_that_keys_that_do_not_fit_are_listed(folder, runner, act, checkpoint):
    act("return sums(model)")
    state = torch.load(folder / "net.pt")
    del state["stem.bias"], state["tied.weight"], state["norm.num_batches_tracked"]
    torch.save({**state, "extra": torch.ones(2)}, folder / "other.pt")
    other = pruner.open_checkpoint(folder / "other.pt")
    found = fit(runner.ready(), other)
    assert (found.missing, found.unexpected) == (("stem.bias",), ("extra",))
    with pytest.raises(PrunerError, match=r"other\.pt does not fit .*missing in the file: stem\.bias.*: extra"):
        evaluate(runner, other)
    loose = evaluate(runner, other, strict=False)
    assert loose.metrics["tied.weight"] == nets.sums(module(folder))["head.weight"]
    assert [line.split(":")[1] for line in loose.remarks] == [" stem.bias.", " extra."]
    torch.manual_seed(0)
    assert loose.metrics["stem.bias"] == nets.sums(nets.Net())["stem.bias"]
    act("found = sums(model)\nmodel.stem.bias.data.fill_(7)\nreturn found")
    evaluate(runner, checkpoint)
    assert [evaluate(runner, other, strict=False).metrics for _ in range(2)] == [loose.metrics] * 2
    torch.save({**torch.load(folder / "net.pt"), "head.bias": torch.ones(4)}, folder / "other.pt")
    with pytest.raises(PrunerError, match=r"head\.bias is \[4\], in the model \[3\]"):
        evaluate(runner, pruner.open_checkpoint(folder / "other.pt"), strict=False)
    state = torch.load(folder / "masked.pt")
    torch.save({**state, "stem.weight_mask": torch.ones(8, 1)}, folder / "other.pt")
    with pytest.raises(PrunerError, match=r"“stem\.weight_mask” has another shape"):
        evaluate(runner, pruner.open_checkpoint(folder / "other.pt"))
    torch.save({"a": torch.ones(4)}, folder / "other.pt")
    with pytest.raises(PrunerError, match="no key is in both"):
        evaluate(runner, pruner.open_checkpoint(folder / "other.pt"), strict=False)


def test_that_a_prefix_is_folded(folder, runner, act):
    act("return sums(model)")
    found = evaluate(runner, pruner.open_checkpoint(folder / "parallel.pt"))
    assert found.metrics == nets.sums(module(folder))
    assert found.remarks == ("The prefix “module.” of the file's names was folded.",)


def test_that_outputs_agree_as_torch_computes_it(folder, runner, checkpoint):
    batch, ids = torch.randn(5, 8, dtype=torch.float64), torch.randint(5, (5,))
    np.save(folder / "x.npy", batch.numpy())
    torch.save({"ids": ids, "x": batch}, folder / "named.pt")
    before, after = module(folder), module(folder, pruned=True)
    for inputs, given in (
        ([FileInput(folder / "x.npy")], {"x": batch.float()}),
        ([FileInput(folder / "named.pt")], {"x": batch.float(), "ids": ids}),
    ):
        found = agreement(runner, (checkpoint, None), (checkpoint, half(checkpoint)), inputs)
        assert [one.output for one in found.outputs] == ["logits", "more.0"]
        with torch.no_grad():
            y, z = before(**given)["logits"].double(), after(**given)["logits"].double()
        assert found.outputs[0].relative_error == pytest.approx(float((y - z).norm() / y.norm()), rel=1e-5)
        cosine = torch.cosine_similarity(y.flatten(), z.flatten(), 0)
        assert found.outputs[0].cosine == pytest.approx(float(cosine), rel=1e-5)
        assert found.outputs[0].top1 == float((y.argmax(1) == z.argmax(1)).double().mean())
        assert found.samples == 5


def test_that_random_inputs_are_the_same_each_time(runner, checkpoint):
    batch = [parse_input("6,8"), parse_input("6:5")]
    assert batch == [RandomInput((6, 8)), RandomInput((6,), 5)]
    same = agreement(runner, (checkpoint, None), (checkpoint, None), batch).outputs[0]
    assert (same.relative_error, same.top1) == (0.0, 1.0)
    assert same.cosine == pytest.approx(1)
    with pytest.raises(ModelError, match=r"failed on the batch: net\.py, line .* cannot be multiplied"):
        agreement(runner, (checkpoint, None), (checkpoint, None), [parse_input("6,7")])
    with pytest.raises(PrunerError, match="no shape"):
        parse_input("0,3")


def test_that_a_function_is_refused_before_weights_travel():
    for function, said in (
        (nets.needs_loader, r"needs_loader\(model, loader\) takes other arguments"),
        (nets.number, "is a int, and not a function"),
    ):
        with pytest.raises(Refused, match=said):
            Evaluate(function, "net.py:needs_loader", lambda done, total: None)


def test_that_a_function_gets_the_arguments_it_names():
    heard: list[tuple[int, int]] = []
    call = Evaluate(nets.told, "net.py:told", lambda done, total: heard.append((done, total)))
    found = call(torch.nn.Identity(), "cpu", 7)
    assert (found["metrics"], found["samples"]) == ({"loss": 1.5, "batches": 7.0}, 64)
    assert heard == [(1, 3)]  # ten times a second at most
    with pytest.raises(Refused, match="no argument “batches”"):
        Evaluate(nets.sums, "net.py:sums", lambda done, total: None)(torch.nn.Identity(), "cpu", 7)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_that_a_function_that_hangs_is_stopped_with_all_it_started(folder, runner, act, checkpoint):
    act(
        "import subprocess, sys\n"
        "print(subprocess.Popen([sys.executable, '-c', 'while True: pass']).pid, flush=True)\n"
        "while True: pass"
    )
    asked = 0.0

    def progress(done: int, total: int, what: str) -> None:
        nonlocal asked
        if runner.printed:
            asked = time.monotonic()
            raise Cancelled

    with pytest.raises(Cancelled):
        evaluate(runner, checkpoint, progress=progress)
    started = Path("/proc") / runner.printed
    assert time.monotonic() - asked < 1
    for _ in range(20):
        if not started.exists() or "\nState:\tZ" in (started / "status").read_text():
            break
        time.sleep(0.05)
    else:
        pytest.fail("what it started is still there")
    assert not runner.alive
    with pytest.raises(ModelError, match="was killed"):
        evaluate(runner, checkpoint)
