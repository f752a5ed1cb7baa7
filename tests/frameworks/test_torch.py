from __future__ import annotations

import numpy as np
import pytest

from tests.frameworks.conftest import TRAINED

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
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
    ("name", "free"), [*((name, True) for name in NETWORKS), ("cnn", False), ("lstm", False)], ids=str
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
