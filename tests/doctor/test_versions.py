from __future__ import annotations

import pytest

from edge_sdk.doctor.packages import BUILDS, judge
from edge_sdk.doctor.versions import check_versions
from edge_sdk.profiles import load_profile

PI, ORIN = load_profile("raspberry-pi-5"), load_profile("jetson-orin-nano")


def states(profile, onnxruntime, **values):
    return {one.name: one.state for one in check_versions(profile, onnxruntime, **values)}


@pytest.mark.parametrize(
    ("python", "onnxruntime", "expected"),
    [
        ("3.13.2", PI.system.onnxruntime, ("ok", "ok")),
        ("3.9.18", "1.22.0", ("failed", "failed")),
        ("3.10.0", "1.23.0", ("ok", "ok")),
        ("3.13.2", "99.0.1", ("ok", "warning")),
    ],
)
def test_versions_have_a_floor_and_the_boards_ceiling(python, onnxruntime, expected):
    found = states(PI, [onnxruntime, "CPUExecutionProvider"], python=python)
    assert (found["python"], found["onnxruntime"], found["providers"]) == (*expected, "ok")


def test_a_jetson_with_the_wheel_for_cpus_is_told_so():
    *_, finding = check_versions(ORIN, ["1.23.2", "AzureExecutionProvider", "CPUExecutionProvider"])
    assert (finding.name, finding.state) == ("providers", "failed")
    assert finding.evidence.startswith("jetson-orin-nano promises TensorrtExecutionProvider")
    assert finding.evidence.endswith("this onnxruntime has AzureExecutionProvider, CPUExecutionProvider")


def test_what_cannot_be_imported_has_no_version():
    assert set(states(PI, [])) == {"python"}


def test_builds_on_top_of_each_other_are_told_with_the_one_to_keep():
    there = ["opencv-python-headless 5.0.0.93", "opencv-python 4.10.0.84"]
    assert judge(BUILDS[0], there[:1], keeps="opencv-python-headless").state == "ok"
    finding = judge(BUILDS[0], there, keeps="opencv-python-headless")
    assert finding.state == "warning"
    assert (
        finding.evidence == "opencv-python-headless 5.0.0.93 and opencv-python 4.10.0.84 overwrite each other's files"
    )
    assert finding.cure == (
        "pip uninstall -y opencv-python-headless opencv-python && pip install opencv-python-headless"
    )
