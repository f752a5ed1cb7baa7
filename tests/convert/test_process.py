from __future__ import annotations

import pytest

from edge_sdk.convert.job import convert
from edge_sdk.convert.record import ConvertRequest, Order
from edge_sdk.errors import InputError


def test_a_source_that_hangs_is_ended_at_its_limit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hanging.py").write_text("import time\ndef build():\n    time.sleep(3600)\n")
    request = ConvertRequest(order=Order(source="hanging:build"), limit_s=0.2)
    with pytest.raises(InputError, match=r"hanging:build: expected to open it within 0\.2 s, got no answer"):
        convert(request, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
