import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edge_sdk.agent.golden import GoldenRun, Limits
from edge_sdk.errors import GateError, TrustError, UnavailableError
from edge_sdk.files import sha256_hex
from scripts.crashes import candidates

LIMITS = Limits(memory_bytes=512 << 20)


@pytest.fixture(scope="module")
def golden():
    """Golden samples of the good model."""
    return candidates.golden_of(candidates.good())


def test_a_good_candidate_proves_itself(tmp_path):
    model = candidates.good()
    proof = GoldenRun("x86-64-avx2")(candidates.write(tmp_path / "good.edge", model), LIMITS)
    assert (proof.model_sha256, proof.family, proof.samples) == (sha256_hex(model), "fp32", 4)
    assert 0 < proof.memory_bytes < 200 << 20


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (candidates.good(3.0), r"expected the golden outputs at 30 dB or better, got 3\.\d dB"),
        (candidates.nan(-1.0), r"expected the golden outputs at 30 dB or better, got -200\.0 dB"),
        (candidates.greedy(), r"Failed to allocate memory for requested buffer"),
        (b"not a model", r"expected .*got"),
    ],
    ids=["other outputs", "NaN", "out of memory", "no model"],
)
def test_a_bad_candidate_is_told_by_its_cause(tmp_path, golden, model, message):
    package = tmp_path / "bad.edge"
    if model == b"not a model":
        candidates.write(package, candidates.good(), golden)
        package.write_bytes(package.read_bytes()[:-100])
    else:
        candidates.write(package, model, golden)
    with pytest.raises(GateError, match=message):
        GoldenRun()(package, LIMITS)


def test_a_candidate_that_does_not_see_its_input_is_refused(tmp_path):
    package = candidates.write(tmp_path / "constant.edge", candidates.constant())
    with pytest.raises(GateError, match="expected outputs that follow the input, got the same for 7 inputs"):
        GoldenRun()(package, LIMITS)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="an overflowing division traps on x86 alone")
def test_a_crash_is_a_cause(tmp_path, golden):
    package = candidates.write(tmp_path / "crashing.edge", candidates.crashing(-1.0), golden)
    with pytest.raises(GateError, match="expected an answer, got killed by SIGFPE"):
        GoldenRun()(package, LIMITS)


def test_a_hang_is_a_cause(tmp_path):
    package = candidates.write(tmp_path / "good.edge", candidates.good())
    with pytest.raises(GateError, match=r"expected an end within 0\.05 s, got none"):
        GoldenRun()(package, Limits(memory_bytes=512 << 20, wall_s=0.05))


def test_processor_time_is_limited(tmp_path, golden):
    package = candidates.write(tmp_path / "slow.edge", candidates.slow(rounds=3000), golden)
    with pytest.raises(GateError, match="more than 1 s of processor time"):
        GoldenRun()(package, Limits(memory_bytes=512 << 20, cpu_s=1.0))


def test_a_package_that_was_changed_is_told(tmp_path):
    package = candidates.write(tmp_path / "good.edge", candidates.good())
    data = bytearray(package.read_bytes())
    data[len(data) // 2] ^= 1
    package.write_bytes(data)
    with pytest.raises(TrustError):
        GoldenRun()(package, LIMITS)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print('a line that is no answer')", "expected an answer, got exit code 0"),
        ("import os; os.abort()", "expected an answer, got killed by SIGABRT"),
        ("raise SystemExit(7)", "expected an answer, got exit code 7"),
    ],
)
def test_a_child_that_says_nothing_is_told(tmp_path, code, message):
    with pytest.raises(GateError, match=message):
        GoldenRun(command=(sys.executable, "-c", code))(tmp_path / "none.edge", LIMITS)


def test_a_child_that_cannot_be_started_is_not_the_candidates_fault(tmp_path):
    with pytest.raises(UnavailableError, match="golden run: expected a child process, got"):
        GoldenRun(command=("/nowhere/python",))(tmp_path / "none.edge", LIMITS)


_CHILD = """
import time
from edge_sdk.agent import golden_child
golden_child._die_with(%d)
print("bound", flush=True)
time.sleep(60)
"""


def test_the_child_dies_with_the_agent():
    code = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {_CHILD!r} % os.getpid()], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    pid = int(said.stdout)
    for _ in range(200):
        if _is_gone(pid):
            return
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the child is still there")


def _is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] == "Z"
    except OSError:
        return True


def test_tensorrt_has_time_for_its_engine():
    assert Limits.of("tensorrt-int8", 0).wall_s == 1800
    assert Limits.of("arm-int8", 100 << 20) == Limits(memory_bytes=456 << 20)


def test_the_agent_imports_neither_numpy_nor_onnxruntime():
    code = (
        "import sys, edge_sdk.agent.golden, edge_sdk.agent.update, edge_sdk.agent.slots, edge_sdk.agent.life\n"
        "print([name for name in ('numpy', 'onnxruntime', 'cv2') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_the_golden_samples_are_pictures():
    assert candidates.INPUTS.shape == (4, 1, 3, 32, 48)
    assert np.isfinite(candidates.INPUTS).all()
