"""Small models of the kinds that convolutions are not: recurrent ones, an encoder of a transformer, large matrices."""

from __future__ import annotations

import numpy as np
from onnx import numpy_helper

from edge_sdk.quantize.clean import clean_model
from edge_sdk.quantize.graph import Graph
from tests.quantize.models import MAX_OPSET, build

STEPS, FEATURES, UNITS, CLASSES = 20, 24, 64, 6
_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_LAYER = """
    {n}q = MatMul({x}, {n}wq)  {n}k = MatMul({x}, {n}wk)  {n}v = MatMul({x}, {n}wv)
    {n}q4 = Reshape({n}q, split)  {n}k4 = Reshape({n}k, split)  {n}v4 = Reshape({n}v, split)
    {n}qh = Transpose<perm=[0,2,1,3]>({n}q4)  {n}kh = Transpose<perm=[0,2,3,1]>({n}k4)
    {n}vh = Transpose<perm=[0,2,1,3]>({n}v4)
    {n}s = MatMul({n}qh, {n}kh)  {n}scaled = Mul({n}s, eighth)  {n}p = Softmax({n}scaled)
    {n}c = MatMul({n}p, {n}vh)  {n}ct = Transpose<perm=[0,2,1,3]>({n}c)  {n}cr = Reshape({n}ct, join)
    {n}o = MatMul({n}cr, {n}wo)  {n}r = Add({x}, {n}o)  {n}h = LayerNormalization({n}r, gain, shift)
    {n}f = MatMul({n}h, {n}w1)  {n}fb = Add({n}f, {n}b1)  {n}e = Mul({n}fb, root)  {n}erf = Erf({n}e)
    {n}one = Add({n}erf, one)  {n}g = Mul({n}fb, {n}one)  {n}half = Mul({n}g, half)
    {n}d = MatMul({n}half, {n}w2)  {n}r2 = Add({n}h, {n}d)  {n}y = LayerNormalization({n}r2, gain, shift)
"""


def recurrent(op, *, steps=STEPS, features=FEATURES, units=UNITS, directions=1, seed=0):
    """Return a classifier of sequences: a recurrent layer and a matrix behind its last state."""
    gates = _GATES[op]
    extra = ", initial_h, initial_c" if op == "LSTM" else ", initial_h"
    how = "bidirectional" if directions == 2 else "forward"
    reset = ", linear_before_reset=1" if op == "GRU" else ""
    text = f"""
    (float[{steps},1,{features}] x, float[{directions},{gates * units},{features}] w,
     float[{directions},{gates * units},{units}] r, float[{directions},{2 * gates * units}] b,
     float[{directions},1,{units}] initial_h, float[{directions},1,{units}] initial_c,
     float[{directions * units},{CLASSES}] m, float[{CLASSES}] mb, int64[2] flat) => (float[1,{CLASSES}] y)
    {{
      s, h = {op}<hidden_size={units}, direction="{how}"{reset}>(x, w, r, b, empty{extra})
      f = Reshape(h, flat)
      y = Gemm(f, m, mb)
    }}""".replace("b, empty", "b, ")
    rng = np.random.default_rng(seed)
    return build(
        text, flat=[1, directions * units], seed=seed, **_gains(rng, gates * units, features, units, directions)
    )


def _gains(rng, rows, features, units, directions):
    return {
        "w": rng.standard_normal((directions, rows, features)) / np.sqrt(features),
        "r": rng.standard_normal((directions, rows, units)) / np.sqrt(units),
    }


def encoder(*, layers=2, tokens=32, width=64, heads=4, words=500, seed=0):
    """Return an encoder of a transformer: a table of words, layers of attention, a matrix behind their mean."""
    inner = 4 * width
    names = [f"n{i}" for i in range(layers)]
    weights = ", ".join(
        f"float[{width},{width}] {n}wq, float[{width},{width}] {n}wk, float[{width},{width}] {n}wv, "
        f"float[{width},{width}] {n}wo, float[{width},{inner}] {n}w1, float[{inner}] {n}b1, "
        f"float[{inner},{width}] {n}w2"
        for n in names
    )
    body = "".join(_LAYER.format(n=n, x="e0" if i == 0 else f"{names[i - 1]}y") for i, n in enumerate(names))
    text = f"""
    (int64[1,{tokens}] x, float[{words},{width}] table, {weights}, float[{width}] gain, float[{width}] shift,
     int64[4] split, int64[3] join, float eighth, float root, float one, float half,
     float[{width},{CLASSES}] m, float[{CLASSES}] mb, int64[2] flat) => (float[1,{CLASSES}] y)
    {{
      e0 = Gather(table, x)
      {body}
      mean = ReduceMean<axes=[1], keepdims=1>({names[-1]}y)  f = Reshape(mean, flat)
      y = Gemm(f, m, mb)
    }}"""
    rng = np.random.default_rng(seed)
    sizes = {"wq": (width, width), "wk": (width, width), "wv": (width, width), "wo": (width, width)}
    sizes |= {"w1": (width, inner), "w2": (inner, width)}
    values = {n + k: rng.standard_normal(s) / np.sqrt(s[0]) for n in names for k, s in sizes.items()}
    fixed = {"split": [1, tokens, heads, width // heads], "join": [1, tokens, width], "flat": [1, width]}
    fixed |= {"gain": np.ones(width), "shift": np.zeros(width), "table": rng.standard_normal((words, width))}
    fixed |= {"eighth": (width // heads) ** -0.5, "root": 2**-0.5, "one": 1.0, "half": 0.5}
    return build(text, seed=seed, **values, **fixed)


def matrices(*, width=2048, layers=3, rows=1, seed=0):
    """Return a model of large matrices with a normalisation in front of each, as a decoder has for one token."""
    rng = np.random.default_rng(seed)
    body = "".join(
        f"n{i} = LayerNormalization(y{i}, gain, shift)  y{i + 1} = MatMul(n{i}, w{i})\n" for i in range(layers)
    )
    weights = ", ".join(f"float[{width},{width}] w{i}" for i in range(layers))
    text = (
        f"(float[{rows},{width}] x, {weights}, float[{width}] gain, float[{width}] shift) => (float[{rows},{width}] y)"
    )
    values = {f"w{i}": rng.standard_normal((width, width)) / np.sqrt(width) for i in range(layers)}
    body = body.replace("y0", "x").replace(f"y{layers} ", "y ")
    return build(f"{text} {{ {body} }}", seed=seed, gain=np.ones(width), shift=np.zeros(width), **values)


def cleaned(model):
    """Return the cleaned graph of a model."""
    return Graph(clean_model(model, where="model", max_opset=MAX_OPSET))


def draw(graph, count, *, seed=1):
    """Return random inputs: words where the model takes integers, else values of unit deviation."""
    rng = np.random.default_rng(seed)
    return [
        {
            name: rng.standard_normal(graph.shapes[name]).astype(np.float32)
            if graph.is_float(name)
            else rng.integers(0, 500, graph.shapes[name])
            for name in graph.inputs
        }
        for _ in range(count)
    ]


def weight_bytes(model):
    """Return the bytes of a model's initializers."""
    return sum(numpy_helper.to_array(tensor).nbytes for tensor in model.graph.initializer)
