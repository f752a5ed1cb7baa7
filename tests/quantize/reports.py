"""A report with everything in it, and names as hostile as names can be."""

from __future__ import annotations

from dataclasses import replace

from edge_sdk.package import Accuracy
from edge_sdk.quantize.advice import Advice
from edge_sdk.quantize.arithmetic import Arithmetic, BoardArithmetic
from edge_sdk.quantize.board_plan import Finding, Island, PlanPreview, PlanSpeed
from edge_sdk.quantize.changes import Answer, Changes, Example, Pair
from edge_sdk.quantize.finding import Finding as SampleFinding
from edge_sdk.quantize.frontier import Frontier, Point
from edge_sdk.quantize.guard import AccuracyBudget, LayerNoise
from edge_sdk.quantize.layer_report import LayerRange, LayerReport
from edge_sdk.quantize.origin import Origin
from edge_sdk.quantize.report import Input, QuantReport, VariantReport
from edge_sdk.quantize.spot_check import LayerCheck

HOSTILE = "<script>alert(1)</script>"

_PLAN = PlanPreview(
    profile="raspberry-pi-5",
    family="arm-int8",
    method='by "rules" & <u>more</u>',
    macs=300_800_000,
    integer_share=0.97,
    operators={"QLinearConv": 50, HOSTILE: 1},
    islands=(
        Island(HOSTILE, "<Conv>", 0.03, inside=True, reason="<img src=x onerror=alert(1)>"),
        Island("last", "Softmax", 0.0, inside=False, reason="stands after the last int8 layer"),
    ),
    pairs=2,
    transposes=1,
    findings=(Finding("a-rule", "refused", "</p><h1>refused</h1>", HOSTILE),),
    speed=PlanSpeed(11.5, 25.0, "ms", "by a <model>"),
)

_ACCURACY = Accuracy("top-1", 80.0, 79.8, -0.9, 1.3, 0.98, 500)

_FRONTIER = Frontier(
    profile="raspberry-pi-5",
    unit="ms",
    basis="by a <model>",
    pick="knee",
    points=(
        Point("arm-int8", 10.0, 1_050_000, 1.0, replace(_ACCURACY, value=79.0, agreement=0.93), False),
        Point("arm-int8", 11.5, 1_100_000, 0.97, _ACCURACY, True, (HOSTILE,)),
        Point("fp32", 25.0, 4_000_000, 0.0, None, True),
    ),
    picked=1,
    why="the <knee>",
)

PICTURE = "data:image/jpeg;base64,/9j/4AAQSkZJRg=="

_CHANGES = Changes(
    samples=500,
    changed=2,
    lost=1,
    won=1,
    pairs=(Pair("nut", HOSTILE, 1, 1, 0), Pair("", "<bolt>", 1, 0, 1)),
    examples=(
        Example(
            "<frame>-1.jpg",
            0.5,
            HOSTILE,
            (
                Answer("nut", HOSTILE, 0.9, 0.6, "lost", (0.1, 0.2, 0.3, 0.4)),
                Answer("", "<bolt>", 0.25, 0.4, "won", (0.5, 0.5, 0.75, 1.0)),
            ),
            PICTURE,
        ),
        Example("window[3]", 0.9, "", (), "", (0.0, 1.0, -1.0)),
    ),
)

_RANGE = LayerRange("results", "<mse>", -1.0, 2.0, -1.5, 4.0, 0.01, 0.25, (1, 0, 5, 100, 3, 1))

_LAYERS = (
    LayerReport("fine", "Conv", 0.5, False, 45.0, 30.0, (-0.5, 0.5), replace(_RANGE, bars=())),
    LayerReport(HOSTILE, "<Gemm>", 0.03, False, 20.0, 19.5, (-2.0, 1.0), _RANGE),
    LayerReport("whole", "MatMul", 0.1, True, 200.0, 30.0, None, None),
    LayerReport("beyond", "MatMul", 0.0, False, None, None, None, None),
)

_ORIGIN = Origin(
    command=("edge-sdk", "quantize", "<b>&.onnx", "-p", "raspberry-pi-5", "--calibration", "my pictures"),
    preprocess='[image]\nsize_wh = [32, 24]\ncolor = "<rgb>"\n',
    evaluation_sha256="e" * 64,
    labels_sha256="1" * 64,
    profiles={"raspberry-pi-5": "a" * 64},
    seed=0,
    machine="x86_64",
)

REPORT = QuantReport(
    name="parts",
    version=3,
    task="classification",
    profiles=("raspberry-pi-5", "x86-64-vnni"),
    source=Input(
        model="<b>&.onnx",
        model_sha256="5" * 64,
        model_bytes=4_000_000,
        calibration='"pictures"',
        calibration_samples=200,
        calibration_sha256="c" * 64,
        evaluation="labels.csv",
        evaluation_samples=500,
        labelled=True,
    ),
    budget=AccuracyBudget(max_drop_points=0.5, min_agreement=0.94, min_integer_share=0.5),
    variants=(
        VariantReport(
            family="arm-int8",
            size_bytes=1_100_000,
            size_ratio=0.275,
            accuracy=_ACCURACY,
            returned=(LayerNoise(HOSTILE, 1.5e-3, 0.03),),
            plans=(_PLAN,),
            certified=False,
            verdict="within the <budget>",
            ranges="<mse>",
            takes="the camera",
            arithmetic=Arithmetic(
                "<host> & more",
                (BoardArithmetic("raspberry-pi-5", "<b>SDOT</b>"),),
                "exact <both>",
                (LayerCheck(HOSTILE, "<Conv 3x3>", 4096, 0.5),),
            ),
            frontier=_FRONTIER,
            layers=_LAYERS,
            changes=_CHANGES,
        ),
        VariantReport(
            family="x86-int8",
            size_bytes=1_100_000,
            size_ratio=0.275,
            accuracy=Accuracy("", None, None, None, None, 0.99, 500),
            returned=(),
            plans=(),
            certified=None,
            verdict="no labels",
        ),
        VariantReport("fp32", 4_000_000, 1.0, None, (), (), None, "the float model"),
    ),
    notes=('"quoted" & <i>noted</i>',),
    versions={"onnx": "1.23.2", "numpy": "2.4.6"},
    findings=(SampleFinding("reading", "warn", "<place>", "says <u>", "<evidence>", "<hint>"),),
    advice=(
        Advice(
            "raspberry-pi-5", "arm-int8", "ship with care", "Only <b>few</b>.", ("Only <b>few</b>.", "<More>."), 2.17
        ),
        Advice("x86-64-vnni", "fp32", "ship", "It is the float model itself.", (), None),
        Advice("jetson", "x86-int8", "do not ship", "It loses all.", ("It loses all.",), 0.9),
    ),
    origin=_ORIGIN,
)
