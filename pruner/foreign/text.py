"""Text where a checkpoint should be: pointers, web pages, error answers, configurations, sources."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path

from pruner.foreign.archives import listed, quotable

_INSTEAD = "Open the file with the weights instead."
_MOST_CHARS = 1 << 12
_KINDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.MULTILINE), what)
    for pattern, what in (
        # git-lfs/git-lfs: docs/spec.md, with the names it had before; git-xet's and git-annex's pointer files
        (
            r"\Aversion https?://(git-lfs|hawser|git-media)\b",
            "this is a Git LFS pointer, not the file itself. Run “git lfs pull” beside it.",
        ),
        (r"\A# xet version \d", "this is a Xet pointer, not the file itself. Fetch the file with git-xet."),
        (
            r"\A[./]*(\.git/)?annex/objects/\S+$",
            "this is a git-annex pointer, not the file itself. Run “git annex get” beside it.",
        ),
        (
            r"\A\s*(<\?xml[^>]*>\s*)?(<!--[^>]*>\s*)?<(!doctype html|html|head|body|script|meta|title)\b",
            "this is a web page, not a checkpoint: the download led to a page. Fetch the file itself.",
        ),
        (
            r"\A\s*(<\?xml[^>]*>\s*)?<(\w+:)?Error\b",
            "this is a server's error answer, not a checkpoint: the download was refused. Fetch the file itself.",
        ),
        (
            r"\A\s*(<\?xml[^>]*>\s*)?<net\s[^>]*\bversion=",
            "this is the graph of an OpenVINO model. Prune the checkpoint that it was made from.",
        ),
        (r"\A\s*<(\?xml|svg)\s", f"this is XML text, not a checkpoint. {_INSTEAD}"),
        # tensorflow/tensorflow: python/training/checkpoint_state.proto
        (
            r"\A(model_checkpoint_path|all_model_checkpoint_paths): \"",
            "this is the list that TensorFlow keeps of its checkpoints. Save the checkpoint's arrays as safetensors "
            "or .npz first.",
        ),
        (
            r"^(?-i:from [\w.]+ import [\w(*]|import [\w.]+( as \w+)?$|def \w+\(|class \w+[(:])|\A#!.*python",
            f"this is Python source, not a checkpoint. {_INSTEAD}",
        ),
    )
)


def describe_text(path: Path, start: bytes, size: int) -> str | None:
    """What a text file is; None where it is no text."""
    text = _decoded(start)
    if text is None:
        return None
    for pattern, what in _KINDS:
        if pattern.search(text[:_MOST_CHARS]):
            return what
    if told := _describe_json(text, whole=size <= len(start)):
        return told
    lines = text[:_MOST_CHARS].splitlines()
    if len(text) > _MOST_CHARS and len(lines) > 1:
        lines.pop()  # it is cut off
    if _is_table(lines) or path.suffix.lower() in (".csv", ".tsv"):
        return f"this is a table as text (CSV), not a checkpoint. {_INSTEAD}"
    if _is_yaml(lines) or path.suffix.lower() in (".yaml", ".yml"):
        return f"this is YAML text, not a checkpoint. {_INSTEAD}"
    first = next((line.strip() for line in lines if line.strip()), "")
    return f"this is text{f' (“{quotable(first)}”)' if first else ''}, not a checkpoint. {_INSTEAD}"


def _decoded(start: bytes) -> str | None:
    """UTF-8, or UTF-16 with its mark; a character that is cut off at the end is left out."""
    encoding = "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(start)
    except UnicodeError:
        return None
    return text if text and all(char.isprintable() or char in "\t\n\r\f" for char in text[:_MOST_CHARS]) else None


def _describe_json(text: str, whole: bool) -> str | None:
    """What a text in JSON is; one that is too long to be read whole is told by how it begins."""
    if not re.match(r"\s*(\{\s*[\"}]|\[\s*[\[{\]\"\d-])", text):
        return None
    try:
        value = json.loads(text) if whole else None
    except RecursionError:
        value = None
    except ValueError:
        return None
    keys = value if isinstance(value, dict) else {}
    weight_map = keys.get("weight_map")
    shards = {shard for shard in weight_map.values() if isinstance(shard, str)} if isinstance(weight_map, dict) else ()
    if shards:
        return f"this is an index of shards, without the weights. Open a shard instead ({listed(sorted(shards))})."
    if "nbformat" in keys:
        return f"this is a Jupyter notebook, not a checkpoint. {_INSTEAD}"
    if "weightsManifest" in keys:
        return "this is the graph of a TensorFlow.js model. Prune the checkpoint that it was made from."
    if not keys.keys().isdisjoint(("architectures", "model_type", "_class_name", "peft_type")):
        return "this is a model's configuration, without the weights. Open the file with the weights beside it."
    answer = keys.get("error")
    said = answer.get("message") if isinstance(answer, dict) else answer
    if isinstance(said, str):
        return (
            f"this is a server's error answer (“{quotable(said)}”), not a checkpoint: the download was refused. "
            "Fetch the file itself."
        )
    return f"this is JSON text, not a checkpoint. {_INSTEAD}"


def _is_table(lines: list[str]) -> bool:
    """At least three rows with as many columns each; commas with spaces behind them are prose."""
    rows = [line for line in lines if line.strip()]
    counts = ({row.count(mark) for row in rows} for mark in (",", ";", "\t"))
    return len(rows) > 2 and not any(", " in row for row in rows) and any(len(one) == 1 and max(one) for one in counts)


def _is_yaml(lines: list[str]) -> bool:
    """At least two lines, each a key, an item, or deeper than what is above it."""
    told = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return (
        len(told) > 1
        and not told[0].startswith(" ")
        and all(re.match(r"---$|\s*- |\s*[\w.\"'-]+:(\s|$)|\s{2,}", line) for line in told)
    )
