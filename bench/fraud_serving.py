"""What it costs to serve a model: ours, and LightGBM and ONNX Runtime where they are installed.

    make bench WHAT=fraud_serving ARGS="[--model FILE]"

All score the same rows, one at a time, each in a fresh process with one thread. The others are not
needed for Farthing and are left out where they are missing: pip install lightgbm onnxruntime
onnxmltools onnx.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import math
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DEFAULT = ROOT / "layers/core/python/farthing/fraud/model/default.farthing"
ROWS, WARM, STARTS = 5000, 200, 5
OURS = "farthing.fraud.model.evaluate"
"""It imports json, hashlib and dataclasses, which a function has anyway."""
TARGETS = "targets: load under 10 ms, p99 under 0.5 ms, under 300 kB"


def rows(width: int, count: int = ROWS) -> list[list[float]]:
    """Rows like those of payments, some values missing."""
    dice = random.Random(1)
    return [
        [math.nan if dice.random() < 0.1 else dice.lognormvariate(0, 2) for _ in range(width)]
        for _ in range(count)
    ]


# --- in the child -------------------------------------------------------------------------------


def ours(path: Path) -> Callable[[list[float]], float]:
    """The evaluator that is deployed."""
    from farthing.fraud.model.evaluate import Model

    return Model.load(path).probability


def ours_explained(path: Path) -> Callable[[list[float]], Any]:
    """The same with the shares of all features."""
    from farthing.fraud.model.evaluate import Model

    model = Model.load(path)
    return lambda row: model.explain(row)[0]


def with_lightgbm(path: Path) -> Callable[[list[float]], float]:
    """LightGBM's own Python package."""
    import lightgbm
    import numpy as np

    booster = lightgbm.Booster(model_file=str(path.with_suffix(".txt")))
    return lambda row: float(booster.predict(np.array([row]), num_threads=1)[0])


def with_onnxruntime(path: Path) -> Callable[[list[float]], float]:
    """The converted model: its inputs are 32 bits wide, so its scores are near, not equal."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path.with_suffix(".onnx")), options)
    name = session.get_inputs()[0].name
    return lambda row: float(session.run(None, {name: np.array([row], np.float32)})[1][0, 1])


RUNTIMES: dict[str, tuple[Callable[[Path], Callable[[list[float]], Any]], str, str]] = {
    "farthing": (ours, OURS, ".farthing"),
    "farthing, explained": (ours_explained, OURS, ".farthing"),
    "lightgbm": (with_lightgbm, "lightgbm", ".txt"),
    "onnxruntime": (with_onnxruntime, "onnxruntime", ".onnx"),
}
"""How to load, what is imported for it, and the file."""


def child(runtime: str, path: Path, width: int) -> None:
    """Load, score every row by itself, and say how long that took."""
    wanted = rows(width)
    load, module, _ = RUNTIMES[runtime]
    start = time.perf_counter()
    importlib.import_module(module)
    began = time.perf_counter()
    score = load(path)
    loaded = time.perf_counter()
    score(wanted[0])
    first = time.perf_counter()
    for row in wanted[:WARM]:
        score(row)
    took, scores = [], []
    for row in wanted:
        at = time.perf_counter()
        scores.append(score(row))
        took.append(time.perf_counter() - at)
    took.sort()
    found = {
        "import_ms": 1e3 * (began - start),
        "load_ms": 1e3 * (loaded - began),
        "first_ms": 1e3 * (first - start),
        "p50_us": 1e6 * took[len(took) // 2],
        "p99_us": 1e6 * took[len(took) * 99 // 100],
        "scores": scores,
    }
    print(json.dumps(found))


# --- in the parent ------------------------------------------------------------------------------


def booster_text(artefact: Any) -> str:
    """The artefact as LightGBM's text again, so that all serve one model."""
    trees, blocks = artefact.trees, []
    for tree, root in enumerate(trees.roots):
        order = _below(trees, root)
        nodes = [node for node in order if node >= 0]
        leaves = [~node for node in order if node < 0]
        number = {node: at for at, node in enumerate(nodes)}
        number |= {~leaf: ~at for at, leaf in enumerate(leaves)}
        lines = {
            "num_leaves": [len(leaves)],
            "num_cat": [0],
            "split_feature": [trees.feature[node] for node in nodes],
            "split_gain": [1] * len(nodes),
            "threshold": [repr(trees.threshold[node]) for node in nodes],
            "decision_type": [trees.flags[node] for node in nodes],
            "left_child": [number[trees.left[node]] for node in nodes],
            "right_child": [number[trees.right[node]] for node in nodes],
            "leaf_value": [repr(trees.leaf[leaf]) for leaf in leaves],
            "is_linear": [0],
            "shrinkage": [1],
        }
        text = "\n".join(f"{name}={' '.join(map(str, values))}" for name, values in lines.items())
        blocks.append(f"Tree={tree}\n{text}\n\n\n")
    width = len(artefact.features)
    head = (
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
        f"max_feature_idx={width - 1}\nobjective=binary sigmoid:{artefact.sigmoid:g}\n"
        f"feature_names={' '.join(artefact.features)}\n"
        f"feature_infos={' '.join(['[-1e308:1e308]'] * width)}\n"
        f"tree_sizes={' '.join(str(len(block)) for block in blocks)}\n\n"
    )
    return head + "".join(blocks) + "end of trees\n\nparameters:\nend of parameters\n"


def _below(trees: Any, root: int) -> list[int]:
    """Every node and leaf of a tree, parents first."""
    found, left = [], [root]
    while left:
        node = left.pop(0)
        found.append(node)
        if node >= 0:
            left += [trees.left[node], trees.right[node]]
    return found


def files_of(path: Path, folder: Path) -> tuple[Path, int]:
    """The model in every runtime's form, and how many features it has."""
    from farthing.fraud.model.artefact import unpack

    data = path.read_bytes()
    artefact, there = unpack(data), folder / "model.farthing"
    there.write_bytes(data)
    there.with_suffix(".txt").write_text(booster_text(artefact))
    width = len(artefact.features)
    if all(importlib.util.find_spec(name) for name in ("lightgbm", "onnxmltools", "onnxruntime")):
        import lightgbm
        from onnxmltools.convert import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        booster = lightgbm.Booster(model_file=str(there.with_suffix(".txt")))
        inputs = [("row", FloatTensorType([None, width]))]
        converted = convert_lightgbm(booster, initial_types=inputs, zipmap=False)
        there.with_suffix(".onnx").write_bytes(converted.SerializeToString())
    return there, width


def measured(runtime: str, path: Path, width: int) -> dict[str, Any]:
    """The medians of some fresh processes."""
    command = [sys.executable, "-m", "bench.fraud_serving", "--child", runtime, str(path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    runs = []
    for _ in range(STARTS):
        ran = subprocess.run(
            [*command, str(width)], cwd=ROOT, env=environment, capture_output=True, check=True
        )
        runs.append(json.loads(ran.stdout.splitlines()[-1]))
    names = ("import_ms", "load_ms", "first_ms", "p50_us", "p99_us")
    medians = {name: sorted(run[name] for run in runs)[STARTS // 2] for name in names}
    return medians | {"scores": runs[0]["scores"]}


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    if arguments[:1] == ["--child"]:
        child(arguments[1], Path(arguments[2]), int(arguments[3]))
        return 0
    parser = argparse.ArgumentParser(prog="bench.fraud_serving")
    parser.add_argument("--model", type=Path, default=DEFAULT)
    given = parser.parse_args(arguments)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, ", end="")
    print(f"load {os.getloadavg()[0]:.1f}; {ROWS:,} rows, median of {STARTS} processes; {TARGETS}")
    head = ("import ms", "load ms", "first score ms", "p50 µs", "p99 µs", "file kB", "max error")
    print(f"{'':<22}" + "".join(f"{name:>16}" for name in head))
    with tempfile.TemporaryDirectory() as folder:
        path, width = files_of(given.model, Path(folder))
        exact: list[float] = []
        for runtime, (_, package, suffix) in RUNTIMES.items():
            file = path.with_suffix(suffix)
            if importlib.util.find_spec(package) is None or not file.exists():
                print(f"{runtime:<22}{'not installed':>16}")
                continue
            found = measured(runtime, path, width)
            exact = exact or found["scores"]
            error = max(abs(a - b) for a, b in zip(exact, found["scores"], strict=True))
            said = f"{error:.1e}" if runtime != "farthing, explained" else ""
            times = [f"{value:.1f}" for name, value in found.items() if name != "scores"]
            cells = (*times, f"{file.stat().st_size / 1000:.0f}", said)
            print(f"{runtime:<22}" + "".join(f"{cell:>16}" for cell in cells))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
