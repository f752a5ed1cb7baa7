from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.files import sha256_hex
from edge_sdk.profiles import Provider, load_profile
from edge_sdk.session import (
    SessionConfig,
    arm_config,
    config_for,
    host_config,
    open_session,
    save_plan,
    usable_threads,
)
from edge_sdk.tensors import TensorSpec


def build(nodes, x, y, weights=()) -> bytes:
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(array, name) for name, array in weights])
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def doubling(kind=TensorProto.FLOAT) -> bytes:
    return build([helper.make_node("Add", ["x", "x"], ["y"])], value("x", ["n", 3], kind), value("y", ["n", 3], kind))


def float_convolution() -> bytes:
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])]
    weights = [("w", np.ones((16, 16, 3, 3), np.float32))]
    return build(nodes, value("x", [1, 16, 8, 8]), value("y", [1, 16, 8, 8]), weights)


def quantized_convolution(kind=np.uint8) -> bytes:
    """Return a 1x1 convolution of 64 channels with weights 127 between Q/DQ pairs of scale 1."""
    zero, one = ("zero", np.array(0, kind)), ("one", np.array(1, np.float32))
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "one", "zero"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "one", "zero"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "one", "wzero"], ["wd"]),
        helper.make_node("Conv", ["xd", "wd"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "step", "zero"], ["yq"]),
        helper.make_node("DequantizeLinear", ["yq", "step", "zero"], ["y"]),
    ]
    weights = [zero, one, ("wzero", np.array(0, np.int8)), ("step", np.array(16384, np.float32))]
    weights.append(("w", np.full((8, 64, 1, 1), 127, np.int8)))
    return build(nodes, value("x", [1, 64, 4, 4]), value("y", [1, 8, 4, 4]), weights)


def operators(plan) -> set[str]:
    return {node.op_type for node in onnx.load(plan).graph.node}


@pytest.mark.parametrize("from_file", [False, True])
def test_a_model_runs(tmp_path, from_file):
    model = doubling()
    (tmp_path / "m.onnx").write_bytes(model)
    session = open_session(tmp_path / "m.onnx" if from_file else model, host_config(), where="m.onnx")
    assert session.inputs == (TensorSpec("x", "float32", ("n", 3)),)
    assert session.outputs == (TensorSpec("y", "float32", ("n", 3)),)
    assert session.providers == ("CPUExecutionProvider",)
    assert session.run({"x": np.ones((2, 3), np.float32)})["y"].tolist() == [[2, 2, 2], [2, 2, 2]]


@pytest.mark.parametrize("model", [b"", b"no model", doubling()[:60]], ids=["empty", "text", "cut short"])
def test_what_is_no_model_is_told(model):
    with pytest.raises(InputError, match=r"^m.onnx: expected a model that onnxruntime [\d.]+ can load, got "):
        open_session(model, host_config(), where="m.onnx")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InputError, match=r"^m.onnx: .* NO_SUCHFILE"):
        open_session(tmp_path / "none.onnx", host_config(), where="m.onnx")


def test_a_model_of_numbers_that_numpy_lacks_is_told():
    kind = TensorProto.BFLOAT16
    model = build([helper.make_node("Identity", ["x"], ["y"])], value("x", [1], kind), value("y", [1], kind))
    with pytest.raises(InputError) as caught:
        open_session(model, host_config(), where="m.onnx")
    assert str(caught.value) == "m.onnx: expected tensors of a type that NumPy has, got x as tensor(bfloat16)"


@pytest.mark.parametrize("kind", ["FLOAT16", "DOUBLE", "UINT8", "INT8", "INT32", "INT64", "UINT32", "UINT64"])
def test_numbers_of_every_kind_go_in_and_out(kind):
    session = open_session(doubling(getattr(TensorProto, kind)), host_config(), where="m")
    values = np.array([[1, 2, 3]], session.inputs[0].dtype)
    assert session.run({"x": values})["y"].dtype == values.dtype
    assert session.run({"x": values})["y"].tolist() == [[2, 4, 6]]


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({}, "expected inputs x, got none"),
        ({"x": np.ones((1, 3), np.float32), "z": np.ones(1)}, "expected inputs x, got x, z"),
        ({"x": np.ones((1, 4), np.float32)}, "expected x of shape [n, 3], got [1, 4]"),
        ({"x": np.ones((1, 3))}, "expected x as float32, got float64"),
        ({"x": np.ones((1, 3), ">f4")}, "expected x as float32, got >f4"),
    ],
    ids=["missing", "unknown", "shape", "type", "byte order"],
)
def test_arrays_that_do_not_fit_are_refused(tensors, message):
    session = open_session(doubling(), host_config(), where="m.onnx")
    with pytest.raises(InputError) as caught:
        session.run(tensors)
    assert str(caught.value) == f"m.onnx: {message}"


def test_arrays_that_fit_the_inputs_but_not_the_graph_are_refused():
    nodes = [helper.make_node("Reshape", ["x", "five"], ["y"])]
    model = build(nodes, value("x", ["n"]), value("y", [5]), [("five", np.array([5]))])
    session = open_session(model, host_config(), where="m.onnx")
    with pytest.raises(InputError, match=r"^m.onnx: expected inputs that it can run, got "):
        session.run({"x": np.ones(4, np.float32)})


def test_a_promised_provider_that_is_not_there_is_refused():
    config = SessionConfig(providers=(Provider("NoSuchProvider"), Provider("CPUExecutionProvider")))
    with pytest.raises(
        UnavailableError, match=r"^m.onnx: expected execution provider NoSuchProvider, got .*CPU"
    ) as caught:
        open_session(doubling(), config, where="m.onnx")
    assert caught.value.hint.startswith("install the board's own onnxruntime build")


def test_a_configuration_entry_that_onnxruntime_refuses_is_told():
    with pytest.raises(InputError, match=r"^m.onnx: .*Config key is empty"):
        open_session(doubling(), SessionConfig(entries={"": "1"}), where="m.onnx")


def test_a_board_opens_models_as_its_profile_says():
    profile = load_profile("raspberry-pi-5")
    config = config_for(profile, "arm-int8")
    assert (config.providers, config.threads, config.spinning) == (profile.providers, 3, False)
    assert config.entries == profile.session


@pytest.mark.parametrize(
    ("family", "is_int8"), [("tensorrt-int8", True), ("tensorrt-int8-typed", True), ("fp16", False), ("fp32", False)]
)
def test_tensorrt_computes_in_int8_only_what_is_quantized(family, is_int8):
    profile = load_profile("jetson-orin-nano")
    told, wanted = (dict(one.providers[0].options) for one in (config_for(profile, family), profile))
    assert (told.pop("trt_int8_enable", None) == "True") == is_int8
    assert wanted.pop("trt_int8_enable") == "True"
    assert told == wanted


@pytest.mark.parametrize("from_file", [False, True])
def test_each_model_has_its_own_folder_of_engines(tmp_path, from_file):
    cache = tmp_path / "new" / "engines"
    config = SessionConfig(providers=(Provider("CPUExecutionProvider", {"trt_engine_cache_path": str(cache)}),))
    models = {sha256_hex(model)[:16]: model for model in (doubling(), float_convolution())}
    for name, model in models.items():
        (tmp_path / name).write_bytes(model)
        open_session(tmp_path / name if from_file else model, config, where="m")
    assert {folder.name for folder in cache.iterdir()} == set(models)


def test_engines_without_a_place_are_told(tmp_path):
    (tmp_path / "engines").write_bytes(b"")
    options = {"trt_engine_cache_path": str(tmp_path / "engines")}
    config = SessionConfig(providers=(Provider("CPUExecutionProvider", options),))
    with pytest.raises(UnavailableError, match=rf"^{tmp_path}/engines/[0-9a-f]{{16}}: expected a place to write, got "):
        open_session(doubling(), config, where="m")


@pytest.mark.parametrize("config", [host_config(), arm_config()])
@pytest.mark.parametrize("kind", [np.uint8, np.int8])
def test_integer_sums_are_exact(kind, config):
    most = int(np.iinfo(kind).max)
    session = open_session(quantized_convolution(kind), config, where="m")
    outputs = session.run({"x": np.full((1, 64, 4, 4), most, np.float32)})
    exact = 64 * most * 127
    assert outputs["y"].tolist() == np.full((1, 8, 4, 4), round(exact / 16384) * 16384).tolist()


def test_the_plan_has_no_float_layout_of_x86(tmp_path):
    save_plan(float_convolution(), tmp_path / "plan.onnx", where="m")
    assert operators(tmp_path / "plan.onnx") == {"Conv"}


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
def test_the_plan_shows_which_work_is_done_in_integers(tmp_path, kind):
    save_plan(quantized_convolution(kind), tmp_path / "plan.onnx", where="m")
    assert "QLinearConv" in operators(tmp_path / "plan.onnx")
    weights = onnx.load(tmp_path / "plan.onnx").graph.initializer
    zeros = {numpy_helper.to_array(one).dtype for one in weights if one.name.startswith("zero")}
    assert zeros == {np.dtype(kind)}


def test_a_plan_of_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"^m.onnx: expected a model that onnxruntime can load, got "):
        save_plan(b"no model", tmp_path / "plan.onnx", where="m.onnx")


def test_a_plan_that_cannot_be_written_is_told_and_nothing_is_printed(tmp_path, capfd):
    with pytest.raises(UnavailableError) as caught:
        save_plan(doubling(), tmp_path, where="m")
    assert str(caught.value) == f"{tmp_path}: expected a place to write, got Is a directory"
    assert capfd.readouterr() == ("", "")


def test_threads_are_those_that_the_process_may_use():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_threads() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert usable_threads() == len(allowed)


def test_onnxruntime_reports_to_nobody(tmp_path):
    """With its telemetry on, it leaves an identifier in the cache and a session file beside the temporary ones."""
    (tmp_path / "m.onnx").write_bytes(doubling())
    (tmp_path / "home").mkdir()
    source = """
from pathlib import Path
from edge_sdk.session import SessionConfig, open_session
open_session(Path("m.onnx"), SessionConfig(), where="m")
"""
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(tmp_path / "home"))
    env = {name: value for name, value in os.environ.items() if name not in {"ORT_DISABLE_TELEMETRY", "CI"}}
    subprocess.run([sys.executable, "-c", source], cwd=tmp_path, env={**env, **places}, check=True)
    assert list((tmp_path / "home").iterdir()) == []


def test_a_profile_of_more_threads_than_the_process_may_use_gets_those():
    model, allowed = doubling(), os.sched_getaffinity(0)
    open_session(model, SessionConfig(threads=1), where="m")
    before = len(list(Path("/proc/self/task").iterdir()))
    os.sched_setaffinity(0, {min(allowed)})
    try:
        session = open_session(model, SessionConfig(threads=8), where="m")
    finally:
        os.sched_setaffinity(0, allowed)
    assert len(list(Path("/proc/self/task").iterdir())) == before
    assert session.inputs


def test_sessions_are_made_one_at_a_time(monkeypatch):
    import onnxruntime

    at_once, most, make = [], [], onnxruntime.InferenceSession

    def slowly(*arguments, **options):
        at_once.append(1)
        most.append(len(at_once))
        time.sleep(0.05)
        at_once.pop()
        return make(*arguments, **options)

    monkeypatch.setattr(onnxruntime, "InferenceSession", slowly)
    model = doubling()
    threads = [threading.Thread(target=open_session, args=(model, host_config()), kwargs={"where": "m"}) for _ in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1]


def test_without_optimization_operators_run_as_they_stand_and_compute_the_same():
    plain = open_session(doubling(), SessionConfig(optimized=False), where="m.onnx")
    assert plain.run({"x": np.float32([[1, 2, 3]])})["y"].tolist() == [[2, 4, 6]]
    assert plain.digest != open_session(doubling(), SessionConfig(), where="m.onnx").digest
