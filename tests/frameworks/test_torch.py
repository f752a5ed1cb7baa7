from __future__ import annotations

import numpy as np
import pytest

from tests.frameworks.conftest import TRAINED

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
from edge_sdk.convert.diverge import first_divergence  # noqa: E402
from edge_sdk.convert.fit import fit_model  # noqa: E402
from edge_sdk.convert.record import Order  # noqa: E402
from edge_sdk.convert.torch import open_source  # noqa: E402
from edge_sdk.convert.torch_facts import stated  # noqa: E402
from edge_sdk.errors import GateError, InputError  # noqa: E402
from tests.frameworks.snippets import run_page  # noqa: E402
from tests.frameworks.torch_digits import NETWORKS, train  # noqa: E402

PLACE = "tests.frameworks.torch_digits"


@pytest.fixture(scope="session")
def trained(digits):
    """Return a function that gives a trained network by name, and pictures and classes of the test set."""
    pixels, classes = digits
    pictures = pixels.reshape(-1, 8, 8)
    kept = {}

    def get(name):
        if name not in kept:
            kept[name] = train(NETWORKS[name](), pictures[:TRAINED], classes[:TRAINED])
        return kept[name], pictures[TRAINED:], classes[TRAINED:]

    return get


@pytest.fixture
def factories(tmp_path):
    """Write a module of factories, as a user has one, into the folder where the conversion runs."""
    lines = ["import torch", f"from {PLACE} import *"]
    lines += [f"def {name}(): return NETWORKS['{name}']()" for name in NETWORKS]
    (tmp_path / "mine.py").write_text("\n".join(lines))
    return tmp_path


def data_of(pictures, folder):
    np.save(folder / "test.npy", pictures)
    return {"inputs": str(folder / "test.npy"), "samples": len(pictures)}


@pytest.mark.parametrize(
    ("name", "free"),
    [
        *(pytest.param(name, True, marks=pytest.mark.quick) for name in ("cnn", "dense", "lstm")),
        ("gru", True),
        ("cnn", False),
        ("lstm", False),
    ],
    ids=str,
)
def test_a_trained_network_keeps_its_answers_on_the_whole_test_set(name, free, trained, factories, converted):
    network, pictures, classes = trained(name)
    torch.save(network.state_dict(), factories / "weights.pt")
    report, run = converted(
        f"mine:{name}",
        weights=str(factories / "weights.pt"),
        shapes={"pictures": ("batch" if free else 1, 8, 8)},
        **data_of(pictures, factories),
    )
    assert report.framework == "pytorch"
    assert report.opset == 17
    assert report.parity.outputs[0].snr_db >= 80
    assert report.parity.agreement.changed == 0
    assert report.parity.batches == ((1, 3) if free else (1,))
    answers = [int(run({"pictures": one[np.newaxis]})["output"].argmax()) for one in pictures]
    assert np.mean(answers == classes) > 0.85


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_torchscript_keeps_its_answers_and_says_that_it_needs_a_shape(trained, converted, tmp_path):
    network, pictures, _ = trained("dense")
    torch.jit.script(network.eval()).save(tmp_path / "script.pt")
    with pytest.raises(InputError, match="expected the shapes of input, which PyTorch does not keep, got none"):
        converted(tmp_path / "script.pt")
    report, _ = converted(tmp_path / "script.pt", shapes={"x": ("batch", 8, 8)}, **data_of(pictures, tmp_path))
    assert report.exporter.endswith("(TorchScript)")
    assert report.parity.outputs[0].snr_db >= 80
    assert report.parity.agreement.changed == 0


def test_a_program_keeps_its_answers_and_its_free_batch(trained, converted, tmp_path):
    network, pictures, _ = trained("dense")
    free = {0: torch.export.Dim("samples")}
    program = torch.export.export(network.eval(), (torch.zeros(2, 8, 8),), dynamic_shapes=(free,))
    torch.export.save(program, tmp_path / "program.pt2")
    report, _ = converted(tmp_path / "program.pt2", **data_of(pictures, tmp_path))
    assert report.inputs[0].shape == ("batch", 8, 8)
    assert report.parity.outputs[0].snr_db >= 80
    assert report.parity.agreement.changed == 0


def test_the_operator_of_a_program_that_is_spoilt_is_named(tmp_path):
    free = {0: torch.export.Dim("samples")}
    program = torch.export.export(NETWORKS["dense"]().eval(), (torch.zeros(2, 8, 8),), dynamic_shapes=(free,))
    torch.export.save(program, tmp_path / "program.pt2")
    source = open_source(Order(str(tmp_path / "program.pt2")))
    model = fit_model(source.export().model, opset=17, max_ir=10, where="program")
    feed = {model.graph.input[0].name: np.random.default_rng(0).normal(size=(2, 8, 8)).astype(np.float32)}
    layers = list(source.layers(feed))
    assert [name for name, _ in layers] == ["flatten", "linear", "gelu", "layer_norm", "linear_1"]
    assert not first_divergence(model, layers, feed, min_snr_db=80)
    norm = next(node for node in model.graph.node if node.op_type == "LayerNormalization")
    next(attribute for attribute in norm.attribute if attribute.name == "epsilon").f = 0.5
    named = first_divergence(model, layers, feed, min_snr_db=80)
    assert named.startswith("layer_norm, behind gelu, which is still the same")


@pytest.mark.usefixtures("factories")
def test_a_state_of_two_parts_goes_in_and_out_by_name(converted):
    state = {f"state.{part}": (1, "batch", 6) for part in range(2)}
    report, _ = converted("mine:Stateful", shapes={"rows": ("batch", 5, 8), **state})
    assert [spec.name for spec in report.inputs] == ["rows", "state.0", "state.1"]
    assert [spec.name for spec in report.outputs] == ["found", "state_0", "state_1"]
    assert min(one.snr_db for one in report.parity.outputs) >= 80
    assert any("training mode" in note for note in report.notes)


@pytest.mark.usefixtures("factories")
def test_what_no_graph_can_have_is_traced_and_told(converted):
    report, _ = converted("mine:Branching", shapes={"rows": ("batch", 8)})
    assert report.exporter.endswith("(TorchScript)")
    assert "(graph): " in report.fallbacks[0]


def test_the_first_module_that_is_exported_wrongly_is_named(converted, factories):
    with pytest.raises(GateError, match=r"first diverges at wrong \(Wrong\), behind before \(Linear\)"):
        converted("mine:Broken", shapes={"rows": ("batch", 8)})
    assert not (factories / "model.onnx").exists()


def test_a_pickle_of_a_whole_module_needs_trust(trained, converted, tmp_path):
    network, _, _ = trained("dense")
    torch.save(network, tmp_path / "whole.pt")
    shapes = {"pictures": ("batch", 8, 8)}
    with pytest.raises(InputError, match="pickles whole modules, and loading it runs whatever code is in it") as told:
        converted(tmp_path / "whole.pt", shapes=shapes)
    assert "--trust" in told.value.hint
    assert converted(tmp_path / "whole.pt", shapes=shapes, trusts=True)[0].parity.outputs[0].snr_db >= 80


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("gru", r"weights of Dense, got 6 \(1.weight, .* missing; \d+ \(.* unexpected"),
        ("cnn", "in the sizes of the mod"),
    ],
)
def test_weights_of_another_network_are_told(other, told, tmp_path):
    torch.save(NETWORKS[other]().state_dict(), tmp_path / "weights.pt")
    with pytest.raises(InputError, match=told):
        open_source(Order("mine:Dense", weights=str(tmp_path / "weights.pt")), NETWORKS["dense"]())


def test_safetensors_are_weights(tmp_path):
    given, made = NETWORKS["dense"](), NETWORKS["dense"]()
    pytest.importorskip("safetensors.torch").save_file(given.state_dict(), tmp_path / "weights.safetensors")
    order = Order("mine:Dense", weights=str(tmp_path / "weights.safetensors"), shapes={"x": ("batch", 8, 8)})
    open_source(order, made)
    assert all(torch.equal(a, b) for a, b in zip(given.state_dict().values(), made.state_dict().values(), strict=True))


def test_a_module_in_half_precision_is_computed_in_float32_and_told():
    source = open_source(Order("mine:Dense", shapes={"x": ("batch", 8, 8)}), NETWORKS["dense"]().half())
    assert source.run({"x": np.zeros((2, 8, 8), np.float32)})["output"].dtype == np.float32
    assert "its weights were torch.float16; they are converted, and compared, in float32" in source.facts().notes


def test_weights_alone_are_no_model(tmp_path):
    torch.save(NETWORKS["dense"]().state_dict(), tmp_path / "weights.pt")
    with pytest.raises(InputError, match="expected a model, got weights alone") as told:
        open_source(Order(str(tmp_path / "weights.pt")))
    assert "module:factory --weights" in told.value.hint


def test_what_torchvision_states_of_weights_is_read():
    models = pytest.importorskip("torchvision.models")
    module = torch.nn.Identity()
    module.weights = models.MobileNet_V3_Small_Weights.IMAGENET1K_V1
    facts = stated(module, {}, ())
    assert facts.labels[:2] == ("tench", "goldfish")
    steps = facts.preprocess.image
    assert (steps.resize, steps.shorter_side, steps.size_wh, steps.interpolation) == ("crop", 256, (224, 224), "linear")
    assert (steps.mean, steps.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.usefixtures("factories")
def test_the_weights_and_the_script_of_the_assets_are_one_model(converted, source_of):
    given = {"window": np.random.default_rng(0).normal(size=(2, 1, 1024)).astype(np.float32)}
    shapes = {"window": ("batch", 1, 1024)}
    report, run = converted("mine:Bearings", weights=str(source_of("cwru_cnn1d_state_dict.pt")), shapes=shapes)
    by_weights = run(given)["output"]
    script, run = converted(source_of("cwru_cnn1d_torchscript.pt"), shapes=shapes)
    assert min(one.parity.outputs[0].snr_db for one in (report, script)) >= 80
    np.testing.assert_allclose(run(given)["output"], by_weights, rtol=1e-4, atol=1e-4)


@pytest.mark.timeout(900)  # six conversions, each of which imports PyTorch
def test_the_page_is_true(tmp_path):
    assert "597 results + 0 errors" in run_page("pytorch", tmp_path)
