"""One contender quantizes one model: as a command of its own, once, and remembered."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_sdk.package import open_package
from edge_sdk.profiles import load_profile
from edge_sdk.session import usable_threads
from scripts.benchmarks.case import Case, write_variant_samples
from scripts.benchmarks.contenders import PUBLISHED, Contender
from scripts.benchmarks.environments import peer_python, peer_variables, pins
from scripts.benchmarks.peers.exchange import Request
from scripts.benchmarks.places import CLI, ROOT
from scripts.benchmarks.processes import peer_message, run_measured

MOST_DROP_POINTS = 0.3
"""The budget of peers that take one: the goal that edge-sdk is measured by too."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a contender made of a model.

    Attributes:
        file: The file, or empty.
        note: How it was made, or in its own words why not.
        seconds: Wall time of the whole command; None if there was none.
        peak_bytes: Its peak memory.
        evaluation: The evaluation samples as this file takes them, where it does not take what the float model takes.
    """

    file: str
    note: str
    seconds: float | None = None
    peak_bytes: int | None = None
    evaluation: str = ""


def make(contender: Contender, case: Case, folder: Path, limit_s: float) -> Made:
    """Let a contender quantize, or take what it made of the same model before; edge-sdk always works anew."""
    if contender.method == PUBLISHED:
        return Made(str(case.model.published), "made by the model's authors")
    record = folder / "made.json"
    digest = _digest(contender, case)
    if contender.kind != "edge-sdk" and record.is_file():
        kept = json.loads(record.read_text())
        if kept.pop("digest") == digest:
            return Made(**kept)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = _edge_sdk(contender, case, folder, limit_s) if contender.kind == "edge-sdk" else None
    made = made or _peer(contender, case, folder, limit_s)
    record.write_text(json.dumps({**asdict(made), "digest": digest}))
    return made


def request_for(contender: Contender, case: Case, folder: Path, limit_s: float, made: Made | None = None) -> Request:
    """Return what a contender is asked on a case."""
    return Request(
        method=contender.method,
        model=str(case.model.path),
        file=made.file if made else "",
        folder=str(folder),
        calibration=str(case.calibration),
        evaluation=made.evaluation if made and made.evaluation else str(case.evaluation),
        task=asdict(case.task),
        input_wh=case.input_wh,
        max_drop_points=MOST_DROP_POINTS,
        threads=usable_threads(),
        limit_s=limit_s,
    )


def _edge_sdk(contender: Contender, case: Case, folder: Path, limit_s: float) -> Made:
    """Quantize as a user does: with the command."""
    package = folder / "model.edge"
    command = [str(CLI), "quantize", str(case.model.path), "-p", contender.module, *case.model.arguments,
               "-o", str(package), "--name", "m", "--no-cache", "--json"]  # fmt: skip
    outcome = run_measured(command, folder=folder, environment=os.environ, limit_s=limit_s)
    if outcome.exit_code != 0:
        return Made("", peer_message(outcome, limit_s), outcome.seconds, outcome.peak_bytes)
    opened = open_package(package)
    family, model = opened.model_for(load_profile(contender.module))
    (file := folder / "model.onnx").write_bytes(model)
    own, evaluation = opened.manifest.variants[family].preprocess, folder / "evaluation.npz"
    if own:
        write_variant_samples(case.model, file, own, evaluation)
    report = json.loads((folder / "stdout.txt").read_text())
    (variant,) = (one for one in report["variants"] if one["family"] == family)
    share, returned = variant["plans"][0]["integer_share"], len(variant["returned"])
    note = f"{family}, {share:.1%} of the work in integers, {returned} layers returned to float"
    return Made(str(file), note, outcome.seconds, outcome.peak_bytes, str(evaluation) if own else "")


def _peer(contender: Contender, case: Case, folder: Path, limit_s: float) -> Made:
    try:
        python = peer_python(contender.environment)
    except RuntimeError as exc:
        return Made("", str(exc))
    request = folder / "request.json"
    request_for(contender, case, folder, limit_s).write(request)
    command = [str(python), "-m", f"scripts.benchmarks.peers.{contender.module}", "quantize", str(request)]
    outcome = run_measured(command, folder=folder, environment=peer_variables(python), limit_s=limit_s)
    answer = folder / "answer.json"
    if outcome.exit_code != 0 or not answer.is_file():
        return Made("", peer_message(outcome, limit_s), outcome.seconds, outcome.peak_bytes)
    told = json.loads(answer.read_text())
    return Made(told["file"], told["note"], outcome.seconds, outcome.peak_bytes)


def _digest(contender: Contender, case: Case) -> str:
    """Return the digest of all that a peer's result depends on."""
    code = ROOT / "scripts/benchmarks/peers"
    files = [case.model.path, case.calibration, code / "exchange.py"]
    if contender.kind != "edge-sdk":
        files += [code / f"{contender.module}.py", pins(contender.environment)]
    digest = hashlib.sha256(contender.method.encode() + sys.version.encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
