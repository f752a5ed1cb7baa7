"""Whether a package runs here as it did where it was made, in a child: kernels can die where an import has not.

A package is opened, its variant held against the memory, the session against the promised providers, its outputs
against the golden ones, and its nodes against the providers that run them. The first that fails ends it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_sdk import records
from edge_sdk.doctor.assignment import judge
from edge_sdk.doctor.child import ask_child, receive, send
from edge_sdk.doctor.record import Finding, Subject, failure
from edge_sdk.errors import EdgeError
from edge_sdk.package import open_package
from edge_sdk.package.golden import INPUT, Golden, check_golden, read_golden, worst_snr_db
from edge_sdk.profiles import DeviceProfile
from edge_sdk.runtime.swap.room import available_bytes, expected_bytes
from edge_sdk.session import Session, config_for, open_session, record_runs

_LIMIT_S = 1200.0
"""TensorRT builds an engine for minutes."""
_RUNS = 4
_STEPS = ("package", "variant", "session", "golden outputs", "nodes")


def check_model(subject: Subject) -> Iterator[Finding]:
    """Examine the package that should run on the board, if one was named."""
    if subject.package is None:
        return
    if subject.profile is None:
        yield Finding("model", "warning", "not examined, since this board is not known", "name it with --profile")
        return
    question = {"package": str(subject.package), "profile": records.to_data(subject.profile)}
    yield from ask_child("model", "model", question, limit_s=_LIMIT_S, library="onnxruntime")


def answer() -> None:
    """Examine a package: what the child does."""
    question = receive()
    profile = records.read(DeviceProfile, question["profile"], where="profile")
    steps = _steps(Path(question["package"]), profile)
    for name in _STEPS:
        try:
            finding = next(steps)
        except EdgeError as exc:
            finding = failure(name, exc)
        send(finding)
        if finding.state == "failed":
            return


def _steps(path: Path, profile: DeviceProfile) -> Iterator[Finding]:
    """Yield a finding for each of `_STEPS`, in their order."""
    package = open_package(path)
    manifest = package.manifest
    yield Finding("package", "ok", f"{manifest.name} {manifest.version}, every byte checked")
    family = manifest.family_for(profile)
    variant = manifest.variants[family]
    yield judge_memory(family, variant.model.size_bytes, available_bytes())
    config, model = config_for(profile, family), package.read(variant.model)
    session = open_session(model, config, where=manifest.name)
    yield Finding("session", "ok", f"runs on {', '.join(session.providers)} as promised")
    golden = read_golden(package, variant)
    yield _judge_golden(golden, session, manifest.name)
    inputs = {name[len(INPUT) :]: values[0] for name, values in golden.arrays.items() if name.startswith(INPUT)}
    recorded = record_runs(model, config, inputs, runs=_RUNS, where=manifest.name)
    yield judge(recorded, tuple(provider.name for provider in config.providers))


def judge_memory(family: str, model_bytes: int, free_bytes: int) -> Finding:
    """Judge whether there is memory for a variant."""
    needed = expected_bytes(model_bytes)
    said = f"{family}, {model_bytes / 1e6:.1f} MB, takes about {needed >> 20} of {free_bytes >> 20} MiB that are free"
    if needed > free_bytes:
        return Finding("variant", "failed", said, "free memory (edge-sdk doctor tells how), or take a smaller model")
    return Finding("variant", "ok", said)


def _judge_golden(golden: Golden, session: Session, where: str) -> Finding:
    check_golden(golden, session, where=where)
    count, got_db = len(next(iter(golden.arrays.values()))), worst_snr_db(golden, session)
    said = f"{count} samples at {got_db:.1f} dB, expected {golden.min_snr_db:g} or better"
    return Finding("golden outputs", "ok", said)
