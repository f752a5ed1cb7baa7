from __future__ import annotations

import pytest

from edge_sdk.cli.convert import _read_shapes
from edge_sdk.convert.recognise import digest_of, framework_of_object, is_factory, recognise
from edge_sdk.errors import InputError


def test_a_pickle_is_of_scikit_learn(tmp_path):
    (tmp_path / "model.joblib").write_bytes(b"")
    assert recognise(str(tmp_path / "model.joblib")) == "scikit-learn"


def test_what_nobody_knows_is_refused_with_the_way_out(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(InputError, match=r"got 'model.bin'") as refused:
        recognise(str(tmp_path / "model.bin"))
    assert "--from scikit-learn" in refused.value.hint


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="got nothing there"):
        recognise(str(tmp_path / "model.joblib"))


def test_a_framework_that_nobody_knows_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"--from: .*did you mean 'scikit-learn'\?"):
        recognise("model.joblib", "scikit-lern")


def test_a_factory_is_told_from_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_factory("package.module:build")
    assert not is_factory("c:/model.pt")
    (tmp_path / "a:b").touch()
    assert not is_factory("a:b")


def test_an_object_of_no_framework_is_refused():
    with pytest.raises(InputError, match=r"factory: expected a model of .*, got builtins.dict"):
        framework_of_object({})


def test_what_is_of_two_frameworks_is_of_the_nearer_one():
    module = type("Module", (), {"__module__": "torch.nn.modules.module"})
    layer = type("Layer", (module,), {"__module__": "keras.src.layers.layer"})
    assert framework_of_object(type("Mine", (layer,), {})()) == "keras"
    assert framework_of_object(type("Mine", (module,), {})()) == "pytorch"


def test_code_without_weights_has_no_digest(tmp_path):
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"1")
    assert digest_of("module:factory", "") == ""
    assert digest_of("module:factory", str(weights)) == digest_of(str(weights), "")


def test_shapes_have_free_axes_with_names_and_sizes():
    shapes, sizes = _read_shapes(["x=?x3x224x224", "h=2xbatchx16", "t=?xtime:64x8"])
    assert shapes == {"x": ("batch", 3, 224, 224), "h": (2, "batch", 16), "t": ("batch", "time", 8)}
    assert sizes == {"time": 64}


@pytest.mark.parametrize("text", ["x", "x=", "=1x2", "x=0x2", "x=1x-2", "x=1xx2"])
def test_a_shape_of_another_form_is_refused(text):
    with pytest.raises(InputError, match="--input-shape: expected"):
        _read_shapes([text])
