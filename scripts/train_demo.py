#!/usr/bin/env python3
"""Train the demo's two models on rendered pictures and export them to ONNX.

Promises:

- Everything is trained here, from random weights, on pictures that `render_parts.py` draws; nothing is downloaded.
- The training stream never meets the shipped calibration, evaluation and clip streams.
- `training.json` says how each model was made and how well it does on the shipped evaluation pictures, measured
  with onnxruntime on the exported file, not with PyTorch on the weights in memory.
- An export that differs from the network in memory by more than `PARITY` is refused.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import math
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import render_parts
import torch
from numpy.typing import NDArray
from render_parts import FRAME_WH, LABELS, SEED, STATES, Box, Stream
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import OneCycleLR

INPUT_WH = (320, 192)
PAD_TOP = 6  # rows of grey above and below the 320x180 picture
GREY = 114
STRIDES = (8, 16)
MOST_BOXES = 16  # a rendered frame holds fewer
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PARITY = 1e-3  # largest difference between ONNX and PyTorch: pixels, scores or logits
OPSET = 17
IR_VERSION = 8
NMS_IOU = 0.5
LEAST_SCORE = 0.01
COCO_IOUS = tuple(0.5 + 0.05 * i for i in range(10))

# ----------------------------------------------------------------------------------------------------------- models


def conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Return convolution, batch norm, ReLU6."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))


def separable(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    """Return a depthwise convolution and the 1x1 convolution that mixes its channels."""
    return nn.Sequential(conv(inputs, inputs, kernel, groups=inputs), conv(inputs, outputs))


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow; add the input where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, stride: int, widen: int) -> None:
        super().__init__()
        middle = inputs * widen
        self.expand = conv(inputs, middle)
        self.depthwise = conv(middle, middle, 3, stride, groups=middle)
        self.project = nn.Sequential(nn.Conv2d(middle, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.is_residual else y


def stage(inputs: int, outputs: int, blocks: int, widen: int) -> nn.Sequential:
    """Return blocks of which the first halves the picture."""
    first = InvertedResidual(inputs, outputs, 2, widen)
    return nn.Sequential(first, *(InvertedResidual(outputs, outputs, 1, widen) for _ in range(blocks - 1)))


class Neck(nn.Module):
    """Bring what the coarse maps know to the fine ones: nearest upsampling, concatenation, mixing."""

    def __init__(self, channels: tuple[int, int, int], width: int) -> None:
        super().__init__()
        self.lateral8 = conv(channels[0], width)
        self.lateral16 = conv(channels[1], width)
        self.lateral32 = conv(channels[2], width)
        self.mix16 = separable(2 * width, width)
        self.mix8 = separable(2 * width, width)

    def forward(self, x8: Tensor, x16: Tensor, x32: Tensor) -> tuple[Tensor, Tensor]:
        """Return the maps at strides 8 and 16."""
        up32 = functional.interpolate(self.lateral32(x32), scale_factor=2.0, mode="nearest")
        y16 = self.mix16(torch.cat((self.lateral16(x16), up32), 1))
        up16 = functional.interpolate(y16, scale_factor=2.0, mode="nearest")
        return self.mix8(torch.cat((self.lateral8(x8), up16), 1)), y16


class Head(nn.Module):
    """Separate branches for class scores and for the distances from a cell's middle to the four sides."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.cells = (INPUT_WH[0] // stride) * (INPUT_WH[1] // stride)
        self.score_branch = nn.Sequential(separable(width, width), separable(width, width))
        self.box_branch = nn.Sequential(separable(width, width), separable(width, width))
        self.score = nn.Conv2d(width, len(LABELS), 1)
        self.box = nn.Conv2d(width, 4, 1)
        nn.init.constant_(self.score.bias, -math.log(99))  # type: ignore[arg-type]
        nn.init.constant_(self.box.bias, 0.7)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return class logits [B,5,cells] and log distances [B,4,cells]."""
        logits, sides = self.score(self.score_branch(x)), self.box(self.box_branch(x))
        return logits.reshape(-1, len(LABELS), self.cells), sides.reshape(-1, 4, self.cells)


class Detector(nn.Module):
    """Anchor-free detector for 320x192 pictures: inverted residuals, a small feature pyramid, strides 8 and 16."""

    cells: Tensor
    strides: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 16, 3, 2)
        self.stage4 = stage(16, 24, 2, 2)
        self.stage8 = stage(24, 40, 3, 4)
        self.stage16 = stage(40, 72, 3, 4)
        self.stage32 = stage(72, 112, 2, 3)
        self.neck = Neck((40, 72, 112), 56)
        self.head8, self.head16 = Head(56, 8), Head(56, 16)
        cells, strides = cell_grid()
        self.register_buffer("cells", cells, persistent=False)
        self.register_buffer("strides", strides, persistent=False)

    def raw(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return class logits [B,N,5] and boxes [B,N,4] xyxy in pixels of the input."""
        x8 = self.stage8(self.stage4(self.stem(image)))
        x16 = self.stage16(x8)
        y8, y16 = self.neck(x8, x16, self.stage32(x16))
        (logits8, log8), (logits16, log16) = self.head8(y8), self.head16(y16)
        logits = torch.cat((logits8, logits16), 2).transpose(1, 2)
        sides = torch.exp(torch.cat((log8, log16), 2).transpose(1, 2)) * self.strides
        left_top, right_bottom = torch.split(sides, [2, 2], 2)
        return logits, torch.cat((self.cells - left_top, self.cells + right_bottom), 2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return boxes and class scores 0..1, as the ONNX file does."""
        logits, boxes = self.raw(image)
        return boxes, torch.sigmoid(logits)


def cell_grid() -> tuple[Tensor, Tensor]:
    """Return the middle of every cell [1,N,2] in pixels and its stride [1,N,1]."""
    cells, strides = [], []
    for stride in STRIDES:
        y, x = torch.meshgrid(torch.arange(INPUT_WH[1] // stride), torch.arange(INPUT_WH[0] // stride), indexing="ij")
        cells.append((torch.stack((x, y), 2).reshape(-1, 2) + 0.5) * stride)
        strides.append(torch.full((x.numel(), 1), float(stride)))
    return torch.cat(cells)[None], torch.cat(strides)[None]


class Classifier(nn.Module):
    """State of one part in a 64x64 crop: inverted residuals, average pool, one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 16, 3, 2), InvertedResidual(16, 16, 1, 2))
        self.stage4 = stage(16, 24, 2, 3)
        self.stage8 = stage(24, 40, 3, 3)
        self.stage16 = stage(40, 64, 2, 3)
        self.top = conv(64, 128)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.2)
        self.linear = nn.Linear(128, len(STATES))

    def forward(self, image: Tensor) -> Tensor:
        """Return logits [N,5]."""
        x = self.top(self.stage16(self.stage8(self.stage4(self.stem(image)))))
        logits: Tensor = self.linear(self.dropout(self.pool(x).flatten(1)))
        return logits


# --------------------------------------------------------------------------------------------------------- pictures


def letterbox(bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a 640x360 BGR frame as 320x192 RGB, grey above and below."""
    small = cv2.resize(bgr, (INPUT_WH[0], INPUT_WH[1] - 2 * PAD_TOP), interpolation=cv2.INTER_LINEAR)
    padded = cv2.copyMakeBorder(small, PAD_TOP, PAD_TOP, 0, 0, cv2.BORDER_CONSTANT, value=(GREY, GREY, GREY))
    return np.asarray(cv2.cvtColor(padded, cv2.COLOR_BGR2RGB), np.uint8)


def box_rows(boxes: tuple[Box, ...]) -> NDArray[np.float32]:
    """Return boxes [16,5]: class, xyxy in pixels of the letterboxed input; class -1 where there is none."""
    rows = np.full((MOST_BOXES, 5), -1, np.float32)
    scale = INPUT_WH[0] / FRAME_WH[0]
    for row, box in zip(rows, boxes, strict=False):
        row[:] = (LABELS.index(box.label), *(np.array(box.xyxy) * scale + (0, PAD_TOP, 0, PAD_TOP)))
    return rows


def training_frame(index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Render one letterboxed training frame and its boxes."""
    cv2.setNumThreads(1)
    picture = render_parts.frame(Stream.TRAIN, index)
    return letterbox(picture.bgr()), box_rows(picture.boxes)


def training_crop(index: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Render one training crop, RGB, and its state; five in a row show one scene in the five states."""
    cv2.setNumThreads(1)
    scene, state = divmod(index, len(STATES))
    bgr = render_parts.crop(Stream.CROP_TRAIN, scene, STATES[state])
    jpeg = render_parts.Picture(render_parts.encoded(bgr, 88), ())
    return np.ascontiguousarray(jpeg.bgr()[..., ::-1]), np.array(state, np.int64)


DRAWERS: dict[str, Callable[[int], tuple[NDArray[Any], NDArray[Any]]]] = {
    "frames": training_frame,
    "crops": training_crop,
}


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Training pictures in memory: images [N,H,W,3] RGB uint8 and what they show."""

    images: NDArray[np.uint8]
    targets: NDArray[np.float32] | NDArray[np.int64]


def rendered(kind: str, count: int, cache: Path) -> Pictures:
    """Render training pictures on all cores, or read them from the cache if the same renderer drew them before."""
    drawer = hashlib.sha256(Path(render_parts.__file__).read_bytes()).hexdigest()[:12]
    path = cache / f"{kind}-{count}-{drawer}.npz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        draw = DRAWERS[kind]
        with ProcessPoolExecutor() as pool:
            drawn = list(pool.map(draw, range(count), chunksize=32))
        np.savez(path, images=np.stack([d[0] for d in drawn]), targets=np.stack([d[1] for d in drawn]))
    with np.load(path) as stored:
        return Pictures(stored["images"], stored["targets"])


def flipped(images: Tensor, boxes: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Mirror a batch of frames left-right and up-down at random; the padding is symmetric, so boxes just mirror."""
    width, height = INPUT_WH
    label, x1, y1, x2, y2 = boxes.unbind(-1)
    if rng.random() < 0.5:
        images, x1, x2 = images.flip(3), width - x2, width - x1
    if rng.random() < 0.5:
        images, y1, y2 = images.flip(2), height - y2, height - y1
    return images, torch.stack((label, x1, y1, x2, y2), -1)


def recoloured(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Change brightness, contrast and colour cast of each picture 0..1 a little."""
    count = images.shape[0]
    gain = torch.from_numpy(np.exp(rng.normal(0, 0.08, (count, 3, 1, 1))).astype(np.float32))
    contrast = torch.from_numpy(np.exp(rng.normal(0, 0.12, (count, 1, 1, 1))).astype(np.float32))
    middle = images.mean((1, 2, 3), keepdim=True)
    return (((images - middle) * contrast + middle) * gain).clamp(0, 1)


# ------------------------------------------------------------------------------------------------------------- loss


def overlaps(a: Tensor, b: Tensor, *, generalized: bool) -> Tensor:
    """Return the IoU of boxes xyxy that broadcast, or the generalized IoU, which still has a slope when they part."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    inter = (high - low).clamp(min=0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - inter
    iou = inter / union.clamp(min=1e-6)
    if not generalized:
        return iou
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1).clamp(min=1e-6)
    return iou - (hull - union) / hull


def assigned(scores: Tensor, boxes: Tensor, truth: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
    """Choose the cells that answer for each box: inside it, and best by score times IoU (task-aligned, top 10).

    Args:
        scores: Class scores 0..1 [B,N,5].
        boxes: Predicted boxes [B,N,4].
        truth: Class and box [B,M,5]; class -1 means none.
        cells: Middles of the cells [1,N,2].

    Returns:
        The index of each cell's box, or -1 [B,N], and its target score [B,N].
    """
    labels, real = truth[..., 0].long().clamp(min=0), truth[..., 0] >= 0
    corners = truth[:, :, None, 1:]
    from_low, to_high = cells[:, None] - corners[..., :2], corners[..., 2:] - cells[:, None]
    inside = (torch.cat((from_low, to_high), -1).amin(-1) > 0) & real[..., None]
    iou = overlaps(corners, boxes[:, None], generalized=False) * inside
    score = scores.gather(2, labels[:, None].expand(-1, scores.shape[1], -1)).transpose(1, 2)
    quality = score.sqrt() * iou**4 + 1e-9 * inside
    kth = quality.topk(10, 2).values[..., -1:]
    quality = torch.where((quality >= kth) & inside, quality, -1.0)
    best, owner = quality.max(1)
    peak = quality.clamp(min=0).amax(2, keepdim=True)
    peak_iou = (iou * (quality > 0)).amax(2, keepdim=True)
    target = (quality.clamp(min=0) / (peak + 1e-9) * peak_iou).gather(1, owner[:, None])[:, 0]
    return torch.where(best > 0, owner, -1), target


def detector_loss(net: Detector, images: Tensor, truth: Tensor) -> Tensor:
    """Return binary cross-entropy of the scores plus twice the generalized IoU loss of the boxes."""
    logits, boxes = net.raw(images)
    with torch.no_grad():
        owner, target = assigned(torch.sigmoid(logits), boxes, truth, net.cells)
    batch, cell = torch.nonzero(owner >= 0, as_tuple=True)
    matched, weight = truth[batch, owner[batch, cell]], target[batch, cell]
    wanted = torch.zeros_like(logits)
    wanted[batch, cell, matched[:, 0].long()] = weight
    total = weight.sum().clamp(min=1.0)
    score_loss = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="sum") / total
    giou = overlaps(boxes[batch, cell], matched[:, 1:], generalized=True)
    return score_loss + 2.0 * ((1 - giou) * weight).sum() / total


def classifier_loss(net: nn.Module, images: Tensor, states: Tensor) -> Tensor:
    """Return cross-entropy with a little label smoothing."""
    return functional.cross_entropy(net(images), states, label_smoothing=0.03)


# --------------------------------------------------------------------------------------------------------- training


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one model is trained."""

    pictures: int
    epochs: int
    batch: int
    peak_rate: float
    seed: int
    averaging: float  # share of the running average kept at each step; its memory must be short beside the training


# Courses follow one another, each from the averaged weights that the one before ended with.
DETECTOR_COURSES = (Recipe(4000, 8, 32, 4e-3, SEED, 0.99), Recipe(4000, 6, 32, 2.5e-3, SEED + 2, 0.99))
CLASSIFIER_COURSES = (Recipe(16000, 14, 40, 3e-3, SEED + 1, 0.998),)
Courses = tuple[Recipe, ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """What training took and how it ended."""

    recipe: Recipe
    first_loss: float
    final_loss: float
    seconds: float


def frame_batches(pictures: Pictures, recipe: Recipe, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield one epoch of augmented frames [B,3,192,320] 0..1 with their boxes."""
    for chosen in shuffled(recipe, rng):
        images = torch.from_numpy(pictures.images[chosen]).permute(0, 3, 1, 2).float() / 255
        boxes = torch.from_numpy(pictures.targets[chosen])
        yield flipped(recoloured(images, rng), boxes, rng)


def crop_batches(pictures: Pictures, recipe: Recipe, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield one epoch of augmented, normalized crops [B,3,64,64] with their states.

    A scene's five states share a batch and its turn, so that what tells them apart is all that is left to learn.
    """
    for chosen in shuffled(recipe, rng, together=len(STATES)):
        images = recoloured(torch.from_numpy(pictures.images[chosen]).permute(0, 3, 1, 2).float() / 255, rng)
        images = torch.rot90(images, int(rng.integers(4)), (2, 3))
        images = images.flip(3) if rng.random() < 0.5 else images
        yield normalized(images), torch.from_numpy(pictures.targets[chosen])


def shuffled(recipe: Recipe, rng: np.random.Generator, together: int = 1) -> Iterator[NDArray[np.int64]]:
    """Yield the indices of one epoch's full batches; each run of `together` pictures stays in one batch."""
    order = rng.permutation(recipe.pictures // together)
    order = (order[:, None] * together + np.arange(together)).ravel()
    for start in range(0, recipe.pictures - recipe.batch + 1, recipe.batch):
        yield order[start : start + recipe.batch]


def normalized(images: Tensor) -> Tensor:
    """Return RGB 0..1 with the usual mean and deviation taken out."""
    return (images - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A network under training: its weights, their running average, and what moves them."""

    net: nn.Module
    average: torch.optim.swa_utils.AveragedModel
    optimizer: torch.optim.Optimizer
    rate: torch.optim.lr_scheduler.LRScheduler


def started_run(net: nn.Module, recipe: Recipe) -> Run:
    """Return AdamW with one rise and fall of its rate, and the average, which scores better than the last step."""
    ema = torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.averaging)  # type: ignore[no-untyped-call]
    average = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=ema, use_buffers=True)
    optimizer = torch.optim.AdamW(net.parameters(), recipe.peak_rate, weight_decay=0.03)
    steps = recipe.epochs * (recipe.pictures // recipe.batch)
    return Run(net, average, optimizer, OneCycleLR(optimizer, recipe.peak_rate, steps, pct_start=0.15))


def train(net: nn.Module, recipe: Recipe, pictures: Pictures, kind: str) -> tuple[nn.Module, Trained]:
    """Train a network; return its averaged twin in eval mode and how it went."""
    batches, loss_of = {"frames": (frame_batches, detector_loss), "crops": (crop_batches, classifier_loss)}[kind]
    rng, began = np.random.default_rng(recipe.seed), time.perf_counter()
    run, losses = started_run(net, recipe), []
    for epoch in range(recipe.epochs):
        losses.append(train_epoch(run, batches(pictures, recipe, rng), loss_of))
        seconds = round(time.perf_counter() - began, 1)
        print(f"{kind} epoch {epoch + 1}/{recipe.epochs} loss {losses[-1]:.4f} {seconds} s", flush=True)
    return run.average.module.eval(), Trained(recipe, losses[0], losses[-1], seconds)


def train_epoch(run: Run, batches: Iterator[tuple[Tensor, Tensor]], loss_of: Callable[..., Tensor]) -> float:
    """Take one optimizer step a batch; return the epoch's mean loss."""
    run.net.train()
    losses = []
    for images, targets in batches:
        loss = loss_of(run.net, images.contiguous(memory_format=torch.channels_last), targets)
        run.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(run.net.parameters(), 5.0)
        run.optimizer.step()
        run.rate.step()
        run.average.update_parameters(run.net)
        losses.append(loss.item())
    return float(np.mean(losses))


# ----------------------------------------------------------------------------------------------------------- export


def export(net: nn.Module, path: Path, example: Tensor, outputs: tuple[str, ...], *, is_batch_free: bool) -> None:
    """Write a checked ONNX file without external data and refuse it if it differs from the network."""
    axes = {name: {0: "batch"} for name in ("image", *outputs)} if is_batch_free else None
    torch.onnx.export(
        net,
        (example,),
        str(path),
        input_names=["image"],
        output_names=list(outputs),
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,
    )
    model = onnx.load(path)
    model.ir_version = IR_VERSION
    model.producer_name = "edge-sdk demo"
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    refuse_difference(net, path, example)


def refuse_difference(net: nn.Module, path: Path, example: Tensor) -> None:
    """Compare the exported file with the network on one input."""
    with torch.no_grad():
        expected = net(example)
    expected = expected if isinstance(expected, tuple) else (expected,)
    for want, got in zip(expected, session(path).run(None, {"image": example.numpy()}), strict=True):
        difference = float(np.abs(want.numpy() - got).max())
        if difference > PARITY:
            raise RuntimeError(f"{path}: expected the network's outputs within {PARITY}, got {difference}")


def session(path: Path) -> onnxruntime.InferenceSession:
    """Open an exported file on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


# ---------------------------------------------------------------------------------------------------------- scoring


@dataclass(frozen=True, slots=True)
class Found:
    """One detection: its score and its box xyxy in pixels of the frame."""

    score: float
    xyxy: tuple[float, float, float, float]


def detections(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> dict[str, list[Found]]:
    """Return one frame's detections by class after non-maximum suppression, in pixels of the 640x360 frame."""
    scale, found = FRAME_WH[0] / INPUT_WH[0], {}
    boxes = (boxes - np.array((0, PAD_TOP, 0, PAD_TOP), np.float32)) * scale
    boxes = boxes.clip(0, (FRAME_WH[0], FRAME_WH[1]) * 2)
    for i, label in enumerate(LABELS):
        kept = suppressed(boxes, scores[:, i])
        found[label] = [Found(float(scores[k, i]), tuple(boxes[k].tolist())) for k in kept]
    return found


def suppressed(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> list[int]:
    """Return the indices that survive greedy non-maximum suppression, best first."""
    order = [int(i) for i in np.argsort(-scores) if scores[i] > LEAST_SCORE]
    kept: list[int] = []
    while order:
        kept.append(order[0])
        iou = pair_iou(boxes[order[0]], boxes[order[1:]])
        order = [i for i, value in zip(order[1:], iou, strict=True) if value <= NMS_IOU]
    return kept


def pair_iou(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the IoU of one box with each of the others."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    inter = np.prod(np.maximum(0, high - low), axis=1)
    union = np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1) - inter
    return np.asarray(inter / np.maximum(union, 1e-6), np.float32)


Truth = dict[str, dict[str, list[tuple[float, float, float, float]]]]  # file -> label -> boxes


def read_boxes(path: Path) -> Truth:
    """Read a detection label file; frames without boxes are kept."""
    truth: Truth = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            of_file = truth.setdefault(row["file"], defaultdict(list))
            if row["label"]:
                of_file[row["label"]].append((float(row["x1"]), float(row["y1"]), float(row["x2"]), float(row["y2"])))
    return truth


def average_precision(label: str, truth: Truth, found: dict[str, dict[str, list[Found]]], iou: float) -> float:
    """Return one class's average precision as COCO defines it: 101 recall points, best match first."""
    ranked = sorted(((f.score, name, f.xyxy) for name in truth for f in found[name][label]), reverse=True)
    wanted = {name: np.array(boxes[label], np.float32).reshape(-1, 4) for name, boxes in truth.items()}
    taken = {name: np.zeros(len(boxes), bool) for name, boxes in wanted.items()}
    hits = []
    for _, name, xyxy in ranked:
        overlap = np.where(taken[name], -1.0, pair_iou(np.array(xyxy, np.float32), wanted[name]))
        best = int(overlap.argmax()) if overlap.size else -1
        is_hit = best >= 0 and bool(overlap[best] >= iou)
        if is_hit:
            taken[name][best] = True
        hits.append(is_hit)
    total = sum(len(boxes) for boxes in wanted.values())
    true = np.cumsum(hits)
    precision = true / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(true / total, np.linspace(0, 1, 101), side="left")
    return float(np.mean([envelope[i] if i < len(envelope) else 0.0 for i in at]))


def score_detector(model: Path, folder: Path) -> dict[str, float]:
    """Return AP50, AP50-95 and each class's AP50 of an exported detector on the shipped evaluation frames."""
    truth, runner = read_boxes(folder / "eval.csv"), session(model)
    found = {}
    for name in truth:
        rgb = letterbox(np.asarray(cv2.imread(str(folder / name)), np.uint8))
        image = np.ascontiguousarray(rgb.transpose(2, 0, 1)[None], np.float32) / 255
        boxes, scores = runner.run(None, {"image": image})
        found[name] = detections(boxes[0], scores[0])
    table = {(label, iou): average_precision(label, truth, found, iou) for label in LABELS for iou in COCO_IOUS}
    at_50 = {f"ap50_{label}": round(table[label, 0.5], 4) for label in LABELS}
    mean_50 = float(np.mean(list(at_50.values())))
    return {"ap50": round(mean_50, 4), "ap50_95": round(float(np.mean(list(table.values()))), 4), **at_50}


def score_classifier(model: Path, folder: Path) -> dict[str, float]:
    """Return the share of the shipped evaluation crops that an exported classifier gets right, in all and by state."""
    with (folder / "eval.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    images = [np.asarray(cv2.imread(str(folder / row["file"])), np.float32)[..., ::-1] / 255 for row in rows]
    batch = ((np.stack(images) - MEAN) / STD).transpose(0, 3, 1, 2).astype(np.float32)
    (logits,) = session(model).run(None, {"image": np.ascontiguousarray(batch)})
    wanted = np.array([STATES.index(row["label"]) for row in rows])
    right = logits.argmax(1) == wanted
    by_state = {f"top1_{state}": round(float(right[wanted == i].mean()), 4) for i, state in enumerate(STATES)}
    return {"top1": round(float(right.mean()), 4), **by_state}


# ----------------------------------------------------------------------------------------------------------- record


def record_of(net: nn.Module, path: Path, trained: list[Trained], accuracy: dict[str, float]) -> dict[str, object]:
    """Return what `training.json` says about one model."""
    return {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "size_bytes": path.stat().st_size,
        "parameters": sum(p.numel() for p in net.parameters()),
        "render_seed": SEED,
        "courses": [asdict(course) for course in trained],
        "eval": accuracy,
    }


def trained_through(net: nn.Module, courses: Courses, pictures: Pictures, kind: str) -> tuple[nn.Module, list[Trained]]:
    """Train a network from random weights through all its courses."""
    done = []
    for recipe in courses:
        net, trained = train(net, recipe, pictures, kind)
        done.append(trained)
    return net, done


def make_detector(out: Path, courses: Courses, cache: Path) -> dict[str, object]:
    """Train, export and score the detector."""
    pictures = rendered("frames", courses[0].pictures, cache)
    torch.manual_seed(courses[0].seed)
    net, trained = trained_through(Detector(), courses, pictures, "frames")
    path, example = out / "detector.onnx", torch.from_numpy(pictures.images[:1]).permute(0, 3, 1, 2).float() / 255
    export(net, path, example.contiguous(), ("boxes", "scores"), is_batch_free=False)
    return record_of(net, path, trained, score_detector(path, out))


def make_classifier(out: Path, courses: Courses, cache: Path) -> dict[str, object]:
    """Train, export and score the classifier."""
    pictures = rendered("crops", courses[0].pictures, cache)
    torch.manual_seed(courses[0].seed)
    net, trained = trained_through(Classifier(), courses, pictures, "crops")
    example = normalized(torch.from_numpy(pictures.images[:4]).permute(0, 3, 1, 2).float() / 255)
    path = out / "classifier.onnx"
    export(net, path, example.contiguous(), ("logits",), is_batch_free=True)
    return record_of(net, path, trained, score_classifier(path, out / "crops"))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Train the demo's detector and classifier on rendered pictures, export both to ONNX and score "
        "them on the shipped evaluation pictures.",
        epilog='Install what it needs with: pip install -e ".[train]"   About an hour on one free CPU core.',
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(__file__).resolve().parents[1] / "examples" / "parts",
        help="where the pictures are and the models go",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir()) / "edge-sdk-parts",
        help="keeps rendered training pictures (1 GB)",
    )
    parser.add_argument("--only", choices=("detector", "classifier"), help="make one model, keep the other's record")
    parser.add_argument("--threads", type=int, default=1, help="threads for PyTorch; the weights depend on it a little")
    return parser.parse_args()


def main() -> None:
    """Run from the command line."""
    asked = parse()
    torch.set_num_threads(asked.threads)
    makers = {
        "detector": partial(make_detector, courses=DETECTOR_COURSES),
        "classifier": partial(make_classifier, courses=CLASSIFIER_COURSES),
    }
    for name, make in makers.items():
        if asked.only in (None, name):
            keep_record(asked.out / "training.json", name, make(asked.out, cache=asked.cache))


def keep_record(path: Path, name: str, record: dict[str, object]) -> None:
    """Put one model's record into `training.json`, with what it was made by; leave the other model's as it is."""
    records = json.loads(path.read_text("utf-8")) if path.exists() else {}
    versions = {module.__name__: module.__version__ for module in (torch, onnx, onnxruntime, np, cv2)}
    made_by = {"command": " ".join(("python", *sys.argv)), "threads": torch.get_num_threads(), "versions": versions}
    records[name] = record | made_by
    path.write_text(json.dumps(records, indent=2) + "\n", "utf-8")
    print(json.dumps(records[name], indent=2))


if __name__ == "__main__":
    main()
