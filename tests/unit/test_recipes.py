"""Recipes: what is read, what is refused on which line, what is written, and what they prune."""

import json
import tomllib
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

import pruner
from pruner import Amount, Recipe, RecipeError
from pruner.cli import main
from pruner.methods import make_method
from pruner.recipes.lines import lines_of
from pruner.recipes.rounds import NO_AMOUNT, RecipeRound

THREE = """\
# how it is done
version = 1

[[round]]  # the first
amounts = { "*.weight" = "30%", "0.weight" = 0.5 }
exclude = ["1.*"]

[[round]]
method = "n_m"
n = 2
m = 4
tensors = [
    "2.weight",
    "3.weight",
]

[[round]]
scope = "global"
[round.amounts]
"*.weight" = "to 80%"
[round.ceilings]
"2.*" = "90%"
"""


@pytest.fixture
def net(tmp_path: Path, monkeypatch) -> nn.Module:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(16, 12), nn.Linear(12, 8))
    torch.save(net.state_dict(), "net.pt")
    return net


@pytest.fixture
def checkpoint(net):
    return pruner.open_checkpoint("net.pt")


def problems_of(text: str, checkpoint=None) -> dict[int, str]:
    """What is wrong, by line."""
    with pytest.raises(RecipeError) as caught:
        Recipe.parse(text).plans(checkpoint)
    return {one.line: one.text for one in caught.value.problems}


def test_that_a_recipe_prunes_round_after_round_as_python_does(checkpoint):
    found = Recipe.parse(THREE).apply(checkpoint)
    plan = pruner.Plan.match(checkpoint, {"*.weight": 0.3, "0.weight": 0.5}, exclude=["1.*"])
    expected = pruner.prune(checkpoint, plan)
    plan = pruner.Plan.match(checkpoint, dict.fromkeys(["2.weight", "3.weight"], 0), method="n_m")
    expected = pruner.prune(checkpoint, plan, after=expected)
    target = {"*.weight": Amount.target(0.8)}
    plan = pruner.Plan.match(checkpoint, target, scope="global", ceilings={"2.*": 0.9})
    expected = pruner.prune(checkpoint, plan, after=expected)
    assert list(found) == list(expected)
    assert all(found[name].mask == expected[name].mask for name in expected)
    assert found.plans == expected.plans


def test_that_the_command_line_and_python_give_the_same_bytes(checkpoint, capfd):
    Path("recipe.toml").write_text(THREE)
    assert main(["prune", "net.pt", "-o", "out.pt", "--recipe", "recipe.toml", "--json"]) == 0
    printed = capfd.readouterr()
    told = json.loads(printed.out)
    assert printed.err == (
        "recipe.toml leaves as they are, since no pattern takes them: 0.bias, 1.bias, 2.bias, 3.bias.\n"
    )
    pruner.save(checkpoint, Recipe.read("recipe.toml").apply(checkpoint), "python.pt")
    assert Path("out.pt").read_bytes() == Path("python.pt").read_bytes()
    rounds = {one["name"]: [(each["method"], each["scope"]) for each in one["rounds"]] for one in told["tensors"]}
    local, n_m, together = ("l1_unstructured", "local"), ("n_m", "local"), ("l1_unstructured", "global")
    assert rounds["2.weight"] == [local, n_m, together]
    assert rounds["1.weight"] == [together]
    assert main(["prune", "net.pt", "-o", "again.pt", "--recipe", "recipe.toml", "--device", "cpu"]) == 0
    assert "Round 2: 2:4, each tensor by itself (scope local):" in capfd.readouterr().out
    assert Path("again.pt").read_bytes() == Path("out.pt").read_bytes()


def test_that_progress_runs_once_from_start_to_end(checkpoint):
    told = []
    Recipe.parse(THREE).apply(checkpoint, progress=lambda done, total, _: told.append((done, total)))
    assert {total for _, total in told} == {told[-1][0]}
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_that_a_cancelled_recipe_leaves_nothing(checkpoint):
    seen = []

    def stop(done: int, total: int, what: str) -> None:
        seen.append(done / total)
        if done / total > 0.6:
            raise pruner.Cancelled

    before = pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {"*": 0.1}))
    masks = {name: one.mask for name, one in before.tensors.items()}
    with pytest.raises(pruner.Cancelled):
        Recipe.parse(THREE).apply(checkpoint, progress=stop, after=before)
    assert seen[0] < 0.5
    assert {name: one.mask for name, one in before.tensors.items()} == masks


WRONG = """\
version = 1
rounds = 3
[[round]]
amout = { "*.weight" = "30%" }
[[round]]
method = "l1_unstructurd"
amounts = { "*.weight" = "30%" }
[[round]]
method = "ln_structured"
dim = "x"
scope = "global"
[round.amounts]
"*.weight" = "130%"
"2.weight" = true
3.weight = "30%"
[[round]]
method = "n_m"
amounts = { "*" = 1 }
m = 0
[[round]]
scope = "global"
exclude = "1.*"
[round.amounts]
"*.weight" = "30%"
"2.weight" = 5
[[round]]
tensors = ["*"]
floors = { "*" = 1 }
"""


def test_that_all_that_is_wrong_is_told_with_its_line():
    found = problems_of(WRONG)
    expected = {
        2: "“rounds” is not a key of a recipe; did you mean “round”?",
        3: "says nothing of what to prune",
        4: "“amout” is not a key of a round; did you mean “amounts”?",
        6: "no method “l1_unstructurd”; did you mean “l1_unstructured”?",
        10: "whole number, not “x”",
        11: "works in each tensor by itself",
        13: "130% is out of range",
        14: "“true” is no amount",
        15: 'stands in quotes: "3.weight"',
        16: "2:0 is no pattern",
        18: 'n_m takes no amount: write tensors = ["*.weight"]',
        22: "“exclude” is a list",
        25: "one amount counts over all tensors together: 30%, or 5?",
        27: "takes an amount",
        28: "no sparsity",
    }
    assert found.keys() == expected.keys()
    assert [text for line, text in expected.items() if text not in found[line]] == []


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("version = 1\n\n[[round]\n", 3, "no TOML"),
        ('[[round]]\namounts = { "*" = 1 }\nscope = "local"\nscope = "local"\n', 4, "overwrite a value"),
        ("version = 2\n[[round]]\namounts.x = 1", 1, "version 2 is not known"),
        ("[round]\n", 1, "in two brackets"),
        ("# nothing\n", None, "there is no round in it"),
        ("x = " + "[" * 5000, None, "nested too deep"),
    ],
)
def test_that_what_is_no_recipe_is_told(text, line, told):
    assert told in problems_of(text)[line]


def test_that_patterns_that_match_nothing_are_told_with_lines_and_close_names(checkpoint, capfd):
    text = THREE.replace('"3.weight"', '"3.wight"').replace('"1.*"', '"9.*"').replace('"2.*" =', '"5.*" =')
    found = problems_of(text, checkpoint)
    assert found.keys() == {6, 14, 22}
    assert found[14].startswith("“3.wight” matches no tensor. Close names: 3.weight")
    Path("recipe.toml").write_text(text)
    assert main(["prune", "net.pt", "-o", "out.pt", "--recipe", "recipe.toml"]) == 1
    told = capfd.readouterr().err
    assert told.startswith("secateur: recipe.toml, line 6: “9.*” matches no tensor.")
    assert "Line 14: “3.wight”" in told
    assert not Path("out.pt").exists()


def test_that_a_tensor_that_the_method_does_not_fit_is_told_with_its_line(checkpoint):
    text = '[[round]]\nmethod = "ln_structured"\n[round.amounts]\n"*" = 0.5\n"0.bias" = 0.5\n'
    assert "does not fit “0.bias”" in problems_of(text, checkpoint)[5]


def test_that_a_later_round_that_cannot_run_is_named(checkpoint):
    text = '[[round]]\namounts = { "2.weight" = 190 }\n[[round]]\namounts = { "2.weight" = 5 }\n'
    with pytest.raises(pruner.AmountValueError, match=r"Round 2 of 2: .*5 elements are more than the 2"):
        Recipe.parse(text).apply(checkpoint)


def test_that_matching_tells_who_takes_what_before_anything_runs(checkpoint):
    found = Recipe.parse(THREE).match(checkpoint)
    assert found.problems == ()
    assert [(one.pattern, one.line, one.names) for one in found.rounds[0].patterns] == [
        ("*.weight", 5, ("2.weight", "3.weight")),
        ("0.weight", 5, ("0.weight",)),
    ]
    assert [one.line for one in found.rounds[1].patterns] == [13, 14]
    assert found.rounds[0].patterns[0].elements == 288
    assert found.untouched == ("0.bias", "1.bias", "2.bias", "3.bias")


@pytest.mark.parametrize(
    "arguments", [["--amount", "*=1"], ["--method", "n_m"], ["--exclude", "1.*"], ["--scope", "local"]]
)
def test_that_a_recipe_stands_alone(net, capfd, arguments):
    Path("recipe.toml").write_text(THREE)
    assert main(["prune", "net.pt", "-o", "out.pt", "--recipe", "recipe.toml", *arguments]) == 2
    assert f"--recipe says what {arguments[0]} would" in capfd.readouterr().err


def test_that_files_are_looked_for_beside_the_recipe(net, tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    save_file({"2.weight": torch.rand(12, 16)}, "sub/scores.safetensors")
    text = '[[round]]\nmethod = "scores"\nfile = "scores.safetensors"\namounts = { "2.weight" = 0.5 }\n'
    Path("sub/recipe.toml").write_text(text)
    recipe = Recipe.read("sub/recipe.toml")
    checkpoint = pruner.open_checkpoint("net.pt")
    assert recipe.apply(checkpoint)["2.weight"].pruned == 96
    recipe.write("sub/again.toml")
    assert 'file = "scores.safetensors"' in Path("sub/again.toml").read_text()
    assert Recipe.read("sub/again.toml") == recipe


# What is written


def test_that_what_was_done_is_written_with_patterns_and_prunes_the_same(checkpoint):
    result = Recipe.parse(THREE).apply(checkpoint)
    recipe = Recipe.of(checkpoint, result.plans, result)
    text = recipe.text()
    assert '"*.weight" = "to 80%"' in text
    Path("made.toml").write_text(text)
    again = Recipe.read("made.toml")
    assert again == recipe
    pruner.save(checkpoint, result, "a.pt")
    pruner.save(checkpoint, again.apply(checkpoint), "b.pt")
    assert Path("a.pt").read_bytes() == Path("b.pt").read_bytes()


def test_that_comments_tell_the_model_the_version_and_the_counts(checkpoint):
    result = Recipe.parse('[[round]]\namounts = { "2.weight" = "25%" }').apply(checkpoint)
    planned = pruner.Plan.match(checkpoint, {"*.weight": 3})
    assert Recipe.of(checkpoint, [*result.plans, planned], result).text() == (
        f"# A recipe of Secateur {pruner.__version__}, made with net.pt.\n"
        "version = 1\n\n"
        "# Round 1: 1 tensor of 192 elements; 48 pruned.\n"
        '[[round]]\nmethod = "l1_unstructured"\n[round.amounts]\n"2.weight" = "25%"\n\n'
        "# Round 2: 4 tensors of 512 elements.\n"
        '[[round]]\nmethod = "l1_unstructured"\n[round.amounts]\n"*.weight" = 3\n'
    )


def test_that_one_pattern_and_an_exclusion_stand_for_many_names(tmp_path):
    torch.save({f"{name}.weight": torch.rand(2, 2) for name in ("a.b", "c.d", "e.f", "g.h", "head")}, tmp_path / "x.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "x.pt")
    plan = pruner.Plan.match(checkpoint, {"*.weight": 0.5}, exclude=["head.*"])
    (one,) = Recipe.of(checkpoint, [plan]).rounds
    assert (one.amounts, one.exclude) == ({"*.weight": Amount(0.5)}, ("head.weight",))


def test_that_patterns_follow_the_naming(tmp_path):
    names = [f"h.{layer}.{part}.{own}.weight" for layer in range(4) for part in ("attn", "mlp") for own in "qk"]
    torch.save({name: torch.rand(2, 2) for name in names}, tmp_path / "x.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "x.pt")
    steps = {name: pruner.Step(Amount(0.5 if ".mlp." in name else 0.3)) for name in names}
    (one,) = Recipe.of(checkpoint, [pruner.Plan(steps)]).rounds
    assert one.amounts == {"*.attn.*": Amount(0.3), "*.mlp.*": Amount(0.5)}


_PARTS = st.sampled_from(["a", "b", "weight", "bias", "[x]", "é"])
_NAMES = st.lists(_PARTS, min_size=1, max_size=4).map(".".join)


@given(st.dictionaries(_NAMES, st.sampled_from([0.1, 0.5, 3, None]), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_that_a_recipe_made_of_amounts_gives_each_tensor_its_own(tmp_path_factory, amounts):
    path = tmp_path_factory.mktemp("made") / "x.pt"
    torch.save({name: torch.rand(2, 3) for name in amounts}, path)
    checkpoint = pruner.open_checkpoint(path)
    wanted = {name: Amount(one) for name, one in amounts.items() if one is not None}
    if wanted:
        plan = pruner.Plan({name: pruner.Step(one) for name, one in wanted.items()})
        again = Recipe.parse(Recipe.of(checkpoint, [plan]).text()).plans(checkpoint)
        assert [{name: step.amount for name, step in one.steps.items()} for one in again] == [wanted]


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_AMOUNTS = st.one_of(st.floats(0, 1), st.integers(0, 10**9)).map(Amount) | st.floats(0, 1).map(Amount.target)
_SHARES = st.dictionaries(_TEXTS, st.floats(0, 1), max_size=3)
_METHODS = st.sampled_from(
    [
        make_method("l1_unstructured"),
        make_method("random_unstructured", {"seed": 7}),
        make_method("ln_structured", {"n": "inf", "dim": -1}),
        make_method("ln_structured", {"n": 0.1}),
        make_method("threshold", {"value": 1e-5}),
        make_method("n_m", {"n": 1, "m": 8}),
        make_method("scores", {"file": 'a "quoted"\\name.pt'}),
    ]
)


@st.composite
def rounds(draw) -> RecipeRound:
    method = draw(_METHODS)
    exclude = tuple(draw(st.lists(_TEXTS, max_size=2)))
    if not hasattr(method, "rank"):
        return RecipeRound(
            dict.fromkeys(draw(st.sets(_TEXTS, min_size=1, max_size=3)), NO_AMOUNT), method, "local", exclude
        )
    patterns = draw(st.sets(_TEXTS, min_size=1, max_size=3))
    if "global" in method.scopes and draw(st.booleans()):
        amounts = dict.fromkeys(patterns, draw(_AMOUNTS))
        return RecipeRound(amounts, method, "global", exclude, draw(_SHARES), draw(_SHARES))
    return RecipeRound({pattern: draw(_AMOUNTS) for pattern in patterns}, method, "local", exclude)


@given(st.lists(rounds(), min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_that_what_is_written_reads_as_it_was(made):
    recipe = Recipe(tuple(made), comment="a\ncomment\r\x00")
    assert Recipe.parse(recipe.text()) == recipe
    for own, found in zip(recipe.rounds, Recipe.parse(recipe.text()).rounds, strict=True):
        assert list(own.amounts) == list(found.amounts), "the order of patterns has a meaning"


# Lines

_SCALARS = st.sampled_from(
    ["1", "-0.5e3", "inf", "true", "1979-05-27 07:32:00", '"""a\n"b"\\" # """""', "'''\nx'y''''"]
)
_SCALARS |= _TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f"))


def _array(parts: list[str]) -> str:
    return "[" + "".join(f"\n  {part}, # ] comment" for part in parts) + "\n]"


def _inline(parts: list[str]) -> str:
    return "{ " + ", ".join(f"k{place} = {part}" for place, part in enumerate(parts) if "\n" not in part) + " }"


_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3).map(_array) | st.lists(inner, max_size=3).map(_inline),
    max_leaves=6,
)
_KEYS = st.lists(st.sampled_from(["a", "b-1", '"c.d"', "'e f'", '"\\u0041"']), min_size=1, max_size=2).map(" . ".join)


@given(st.lists(st.one_of(_KEYS.map("[{}]".format), _KEYS.map("[[{}]]".format), st.tuples(_KEYS, _VALUES)), max_size=8))
@settings(max_examples=150, deadline=None)
def test_that_every_key_of_a_toml_document_has_its_line(parts):
    text = "# start\n"
    starts = []
    for part in parts:
        longer = text + (part if isinstance(part, str) else " = ".join(part)) + " # [x\n"
        try:
            tomllib.loads(longer)
        except tomllib.TOMLDecodeError:
            continue
        starts.append(text.count("\n") + 1)
        text = longer
    lines = lines_of(text)

    def check(value, place) -> None:
        if place:
            assert place in lines
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, one in inner:
            if (*place, key) in lines or not isinstance(one, dict):
                check(one, (*place, key))

    data = tomllib.loads(text)
    check(data, ())
    assert set(starts) <= set(lines.values()) or not data
