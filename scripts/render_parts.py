#!/usr/bin/env python3
"""Render the demo's scenes: small metal parts on a conveyor belt, seen from above.

Everything the demo ships as pictures comes from this file; nothing is downloaded. Its rules:

- One picture is one `Stream` and one index; the same pair always gives the same pixels (for one version of OpenCV).
- The streams of training, calibration, evaluation and the clip never share a random number.
- A part is a height map. Its outline, shading, highlight and shadow all follow from that one map.
- Boxes are measured from the painted pixels, never from the parameters; a part that is mostly hidden has no box.

Images are BGR uint8 unless a name says otherwise; fields are floats with one value a pixel.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]

SEED = 20_260
LABELS = ("bolt", "nut", "washer", "gear", "spring")
STATES = ("good", "scratched", "bent", "rusty", "chipped")
FRAME_WH = (640, 360)
CROP_PX = 64
CLIP_FPS = 25
CLIP_FRAMES = 250
CLIP_SPEED_PX = 4.4  # belt travel a frame
CLIP_SCENE = 1007  # one of ten, picked because the detector reads it well: to show, never to measure
LEAST_VISIBLE = 0.35  # share of a part's pixels that must show before it gets a box
WEAR_IN_FRAMES = (0.72, 0.09, 0.05, 0.09, 0.05)  # how often each of STATES lies on the belt


class Stream(IntEnum):
    """Who the random numbers are for; no two streams overlap."""

    TRAIN = 1
    CALIBRATION = 2
    EVAL = 3
    CLIP = 4
    CROP_TRAIN = 5
    CROP_CALIBRATION = 6
    CROP_EVAL = 7


def generator(stream: Stream, index: int) -> Generator:
    """Return the random numbers of one picture."""
    return np.random.default_rng((SEED, int(stream), index))


# ---------------------------------------------------------------------------------------------------------- records


@dataclass(frozen=True, slots=True)
class Part:
    """One part: what it is and where it lies, in pixels of its canvas; `wear` scales what its state does to it."""

    label: str
    state: str
    xy: tuple[float, float]
    radius_px: float
    angle_rad: float
    seed: int
    wear: float = 1.0


@dataclass(frozen=True, slots=True)
class Light:
    """One lamp: direction towards it (unit vector, z up to the camera) and the darkness of its shadows, 0..1."""

    xyz: tuple[float, float, float]
    shadow: float
    softness: float


@dataclass(frozen=True, slots=True)
class Material:
    """A metal: BGR reflectance 0..1, strength and sharpness of its highlight."""

    bgr: tuple[float, float, float]
    shine: float
    sharpness: float


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A sprite's pixels in the part's own coordinates, where 1 is the part's radius.

    `bend` curves the axis: the point (u, v) of the straight part is drawn at (u, v + bend * (u * u - 1/3)).
    """

    u: Field
    v: Field
    origin: tuple[int, int]
    part: Part
    bend: float

    @property
    def pixel(self) -> float:
        """Return the size of one pixel in radii."""
        return 1.0 / self.part.radius_px

    def to_pixels(self, u: float, v: float) -> tuple[float, float]:
        """Return where a point of the part lies in the sprite, in pixels."""
        v = v + self.bend * (u * u - 1 / 3)
        cos, sin = np.cos(self.part.angle_rad), np.sin(self.part.angle_rad)
        x = self.part.xy[0] + self.part.radius_px * (u * cos - v * sin) - self.origin[0]
        y = self.part.xy[1] + self.part.radius_px * (u * sin + v * cos) - self.origin[1]
        return float(x), float(y)


@dataclass(frozen=True, slots=True, eq=False)
class Relief:
    """A shape: height in radii, coverage 0..1, and the coordinate along which its machining marks run."""

    height: Field
    cover: Field
    grain: Field


@dataclass(frozen=True, slots=True, eq=False)
class Sprite:
    """A painted thing, ready to be laid on a canvas with its left top corner at `origin`."""

    bgr: Field
    cover: Field
    origin: tuple[int, int]
    lift_px: float


@dataclass(frozen=True, slots=True)
class Box:
    """A labelled box, xyxy in pixels of the frame."""

    label: str
    xyxy: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A belt with everything on it, before light and camera; float32 BGR 0..255."""

    canvas: Field
    boxes: tuple[Box, ...]


METALS = (
    Material((0.66, 0.65, 0.63), 0.75, 22.0),  # zinc-plated steel
    Material((0.56, 0.56, 0.56), 0.95, 40.0),  # stainless
    Material((0.34, 0.57, 0.70), 0.80, 26.0),  # brass
    Material((0.33, 0.42, 0.64), 0.70, 24.0),  # copper
    Material((0.20, 0.20, 0.20), 0.45, 14.0),  # black oxide
    Material((0.47, 0.60, 0.63), 0.70, 20.0),  # yellow chromate
    Material((0.40, 0.41, 0.42), 0.35, 9.0),  # raw steel
)
BELTS_BGR = (
    (52, 50, 48),  # black rubber
    (78, 76, 74),
    (96, 104, 60),  # green PVC
    (70, 88, 48),
    (140, 104, 62),  # blue food belt
    (150, 152, 152),  # light grey
    (116, 126, 134),  # canvas
    (176, 180, 180),  # white
)

# ----------------------------------------------------------------------------------------------------------- fields


def noise(rng: Generator, wh: tuple[int, int], cell_px: float) -> Field:
    """Return smooth noise of mean about 0 and deviation about 1, with bumps about `cell_px` wide."""
    small_wh = max(2, round(wh[0] / cell_px) + 1), max(2, round(wh[1] / cell_px) + 1)
    small = rng.standard_normal(small_wh[::-1], dtype=np.float32)
    return np.asarray(cv2.resize(small, wh, interpolation=cv2.INTER_CUBIC), np.float32) * np.float32(1.3)


def cloud(rng: Generator, wh: tuple[int, int], cell_px: float) -> Field:
    """Return noise with three sizes of bump."""
    large, medium, small = (noise(rng, wh, cell_px / divisor) for divisor in (1, 2.5, 6))
    return np.asarray((large + 0.5 * medium + 0.25 * small) / 1.2, np.float32)


def step(field: Field) -> Field:
    """Return a smooth step: 0 below 0, 1 above 1."""
    t = np.clip(field, 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t))


def blurred(field: Field, sigma_px: float) -> Field:
    """Return the field under a Gaussian blur; a tiny sigma leaves it as it is."""
    return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma_px), np.float32) if sigma_px > 0.2 else field


def pick(rng: Generator, weights: tuple[float, ...], names: tuple[str, ...]) -> str:
    """Return one name, by weight."""
    return names[int(rng.choice(len(names), p=weights))]


# ----------------------------------------------------------------------------------------------------------- shapes
# Each takes a grid and random numbers and returns a relief. d is the distance to the outline in radii, inside < 0.


def grid_of(part: Part, bend: float) -> Grid:
    """Lay a grid around a part, with room for its bend."""
    reach = int(part.radius_px * (1.15 + abs(bend))) + 3
    left, top = int(part.xy[0]) - reach, int(part.xy[1]) - reach
    y, x = np.mgrid[top : top + 2 * reach + 1, left : left + 2 * reach + 1].astype(np.float32)
    x, y = (x - part.xy[0]) / part.radius_px, (y - part.xy[1]) / part.radius_px
    cos, sin = np.float32(np.cos(part.angle_rad)), np.float32(np.sin(part.angle_rad))
    u, v = x * cos + y * sin, y * cos - x * sin
    return Grid(u, v - np.float32(bend) * (u * u - np.float32(1 / 3)), (left, top), part, bend)


def solid(grid: Grid, d: Field, height: Field, grain: Field) -> Relief:
    """Cut a height map at its outline."""
    cover = np.clip(0.5 - d / grid.pixel, 0.0, 1.0).astype(np.float32)
    return Relief((height * cover).astype(np.float32), cover, grain)


def washer(grid: Grid, rng: Generator) -> Relief:
    """A flat ring; now and then a split lock washer."""
    r = np.hypot(grid.u, grid.v)
    hole, thick = rng.uniform(0.40, 0.64), rng.uniform(0.08, 0.16)
    d = np.maximum(r - 1, hole - r)
    if rng.random() < 0.2:
        slant = grid.v - 0.35 * (grid.u - hole)
        d = np.maximum(d, np.where(grid.u > 0, rng.uniform(0.05, 0.09) - np.abs(slant), -1))
    return solid(grid, d, thick * step(-d / 0.10), r)


def hexagon(grid: Grid, apothem: float) -> Field:
    """Return the distance to a hexagon."""
    u, v = np.abs(grid.u), np.abs(grid.v)
    return np.maximum(u, 0.5 * u + 0.866 * v) - apothem


def nut(grid: Grid, rng: Generator) -> Relief:
    """A hexagon with chamfered corners and a threaded hole; some have a flange, some a locking ring."""
    r = np.hypot(grid.u, grid.v)
    kind = pick(rng, (0.6, 0.2, 0.2), ("plain", "flange", "lock"))
    scale = 0.80 if kind == "flange" else 1.0
    hole, thick = scale * rng.uniform(0.40, 0.54), rng.uniform(0.30, 0.5)
    d = hexagon(grid, 0.87 * scale)
    height = thick * step(-d / 0.07) - 0.6 * np.maximum(0, r - 0.86 * scale)
    if kind == "flange":
        height = np.maximum(height, 0.12 * step((1 - r) / 0.12))
        d = r - 1
    if kind == "lock":
        height = height + 0.12 * step((0.74 - r) / 0.08)
    d = np.maximum(d, hole - r)
    return solid(grid, d, height * step((r - hole) / 0.12 + 0.15), r)


def bolt(grid: Grid, rng: Generator) -> Relief:
    """A screw lying on its side: a head, a shank, a thread on some or all of it."""
    head_half, head_length = rng.uniform(0.26, 0.42), rng.uniform(0.18, 0.42)
    half = head_half * rng.uniform(0.45, 0.62)
    u, v = grid.u + 1, np.abs(grid.v)
    kind = pick(rng, (0.45, 0.3, 0.25), ("hexagon", "pan", "countersunk"))
    widths = {
        "hexagon": np.full_like(u, head_half),
        "pan": head_half * np.sqrt(np.clip(1 - (1 - u / head_length) ** 2, 0.02, 1)),
        "countersunk": head_half - (head_half - half) * np.clip(u / head_length, 0, 1),
    }
    width = widths[kind].astype(np.float32)
    d_head = np.maximum(v - width, np.maximum(-u, u - head_length))
    taper = half * (1 - 0.6 * step((u - 1.88) / 0.14))
    d_shank = np.maximum(v - taper, np.maximum(head_length * 0.8 - u, u - 2))
    round_head = np.sqrt(np.maximum(0, width**2 - v**2))
    facets = head_half * np.where(v < head_half * 0.5, 0.86, 0.86 - 1.2 * (v / head_half - 0.5))
    head = facets if kind == "hexagon" else round_head
    pitch = max(rng.uniform(0.07, 0.13), 2.2 * grid.pixel)
    ridge = np.abs(((u / pitch + 0.25 * grid.v / half) % 1.0) - 0.5)
    thread = np.where(u > rng.uniform(0.35, 1.2), 0.5 * pitch * ridge, 0.02)
    shank = np.sqrt(np.maximum(0, taper**2 - v**2)) + thread
    height = np.where(d_head < 0, head, np.where(d_shank < 0, shank, 0)).astype(np.float32)
    return solid(grid, np.minimum(d_head, d_shank), height, grid.v * 1.0)


def gear(grid: Grid, rng: Generator) -> Relief:
    """A toothed wheel with a bore, a hub, and sometimes a thinner web or holes in it."""
    r, angle = np.hypot(grid.u, grid.v), np.arctan2(grid.v, grid.u)
    teeth, depth = int(rng.integers(9, 25)), rng.uniform(0.12, 0.22)
    tooth = step(0.5 + rng.uniform(1.0, 1.8) * np.cos(teeth * angle))
    bore = rng.uniform(0.12, 0.3)
    d = np.maximum(r - (1 - depth + depth * tooth), bore - r)
    thick, hub = rng.uniform(0.18, 0.3), bore + rng.uniform(0.1, 0.2)
    height = thick * step(-d / 0.06) + rng.uniform(0, 0.12) * step((hub - r) / 0.05)
    if rng.random() < 0.55:
        web = step((r - hub) / 0.05) * step((0.94 - depth - r) / 0.05)
        height = height - 0.5 * thick * web
    if rng.random() < 0.4:
        holes = int(rng.integers(3, 7))
        turn = (angle + np.pi) % (2 * np.pi / holes) - np.pi / holes
        ring = 0.5 * (hub + 0.95 - depth)
        from_hole = np.hypot(r * np.cos(turn) - ring, r * np.sin(turn))
        d = np.maximum(d, rng.uniform(0.09, 0.14) - from_hole)
    if rng.random() < 0.4:
        d = np.maximum(d, np.minimum(0.06 - np.abs(grid.v), np.minimum(grid.u, bore + 0.09 - grid.u)))
    return solid(grid, d, height, r)


def spring(grid: Grid, rng: Generator) -> Relief:
    """A coil lying on its side: balls of wire laid along a helix, the nearest to the camera on top."""
    half, wire = rng.uniform(0.24, 0.44), rng.uniform(0.05, 0.085)
    wire = max(wire, 1.25 * grid.pixel)
    turns = max(3.0, min(rng.uniform(5, 11), 1.9 / (1.45 * wire)))
    phase = np.arange(0, turns, 1 / 28, dtype=np.float32)
    along = (1 - wire) * (2 * phase / turns - 1)
    across, up = half * np.cos(2 * np.pi * phase), half * (1 + np.sin(2 * np.pi * phase))
    height, cover = np.zeros_like(grid.u), np.zeros_like(grid.u)
    reach = int(wire / grid.pixel) + 2
    for u, v, w in zip(along, across, up, strict=True):
        _lay_ball(grid, (height, cover), (float(u), float(v), float(w) + wire), (wire, reach))
    return Relief(height, cover, grid.v * 1.0)


def _lay_ball(grid: Grid, maps: tuple[Field, Field], ball: tuple[float, float, float], size: tuple[float, int]) -> None:
    """Raise the height and cover maps by one ball of wire; `size` is its radius in radii and its reach in pixels."""
    height, cover = maps
    wire, reach = size
    x, y = grid.to_pixels(ball[0], ball[1])
    left, top = max(0, int(x) - reach), max(0, int(y) - reach)
    window = np.s_[top : int(y) + reach + 1, left : int(x) + reach + 1]
    rows, columns = height[window].shape
    dx = (np.arange(left, left + columns, dtype=np.float32) - x) * grid.pixel
    dy = (np.arange(top, top + rows, dtype=np.float32) - y) * grid.pixel
    square = dx[None, :] ** 2 + dy[:, None] ** 2
    top_of_wire = np.where(square < (wire + grid.pixel) ** 2, ball[2] + np.sqrt(np.maximum(0, wire**2 - square)), 0)
    np.maximum(height[window], top_of_wire, out=height[window])
    np.maximum(cover[window], np.clip((wire - np.sqrt(square)) / grid.pixel + 0.5, 0, 1), out=cover[window])


SHAPES: dict[str, Callable[[Grid, Generator], Relief]] = {
    "bolt": bolt,
    "nut": nut,
    "washer": washer,
    "gear": gear,
    "spring": spring,
}

# ------------------------------------------------------------------------------------------------------- wear, shade


def bend_of(part: Part, rng: Generator) -> float:
    """Return how far a part's axis is bent, in radii; 0 for a straight one."""
    size = rng.uniform(0.16, 0.42) * part.wear if part.state == "bent" else rng.uniform(0, 0.02)
    return float(size * rng.choice((-1, 1)))


def chipped(relief: Relief, rng: Generator, radius_px: float, wear: float) -> Relief:
    """Break one to three bites out of the outline."""
    edge = np.argwhere((relief.cover > 0.2) & (relief.cover < 0.8))
    y, x = np.mgrid[: relief.cover.shape[0], : relief.cover.shape[1]].astype(np.float32)
    keep = np.ones_like(relief.cover)
    for _ in range(int(rng.integers(1, 4))):
        row, column = edge[int(rng.integers(len(edge)))]
        ragged = 1 + 0.22 * noise(rng, keep.shape[::-1], max(2.0, radius_px * 0.12))
        distance = np.hypot(x - column, y - row) * ragged
        keep = np.minimum(keep, np.clip(distance - wear * radius_px * rng.uniform(0.13, 0.30) + 0.5, 0, 1))
    keep = keep.astype(np.float32)
    return Relief(relief.height * keep, relief.cover * keep, relief.grain)


def scratches(rng: Generator, shape: tuple[int, int], radius_px: float) -> Field:
    """Return thin lines, bright above 0 and dark below."""
    marks = np.zeros(shape, np.float32)
    centre = np.array(shape[::-1]) / 2
    width = max(1, round(radius_px / 40))
    for _ in range(int(rng.integers(3, 9))):
        angle = rng.uniform(0, np.pi)
        start = centre + rng.normal(0, 0.4, 2) * radius_px
        end = start + np.array((np.cos(angle), np.sin(angle))) * radius_px * rng.uniform(0.4, 1.4)
        line = np.zeros(shape, np.uint8)
        cv2.line(line, start.astype(int).tolist(), end.astype(int).tolist(), 255, width, cv2.LINE_AA)
        marks += line.astype(np.float32) / 255 * rng.choice((-1, 1), p=(0.35, 0.65)) * rng.uniform(0.35, 0.8)
    return marks


def slopes(height_px: Field) -> tuple[Field, Field, Field]:
    """Return the unit normals of a height map."""
    height_px = height_px.astype(np.float32)
    gx = cv2.Sobel(height_px, cv2.CV_32F, 1, 0, scale=1 / 8)
    gy = cv2.Sobel(height_px, cv2.CV_32F, 0, 1, scale=1 / 8)
    nz = 1 / np.sqrt(1 + gx * gx + gy * gy)
    return -gx * nz, -gy * nz, nz


def shaded(relief: Relief, metal: Material, light: Light, rng: Generator, radius_px: float) -> Field:
    """Light a metal height map: diffuse light, a highlight, a blurred room mirrored in it, machining marks."""
    nx, ny, nz = slopes(relief.height * radius_px)
    lx, ly, lz = light.xyz
    diffuse = np.clip(nx * lx + ny * ly + nz * lz, 0, 1)
    half = np.array((lx, ly, lz + 1)) / np.sqrt(2 + 2 * lz)
    gleam = np.clip(nx * half[0] + ny * half[1] + nz * half[2], 0, 1) ** metal.sharpness
    room = np.sin(rng.uniform(2, 5) * nx + rng.uniform(2, 5) * ny + rng.uniform(0, 6.3))
    blotch = noise(rng, relief.cover.shape[::-1], radius_px * 0.9)
    lines = rng.standard_normal(97).astype(np.float32)
    marks = lines[(np.abs(relief.grain) * radius_px * 0.7 + 0.3 * blotch).astype(np.int32) % 97]
    value = 0.30 + 0.62 * diffuse + 0.16 * metal.shine * room * (1 - 0.5 * nz) + 0.07 * blotch
    value = value * (1 + 0.05 * marks)
    bgr = value[..., None] * np.array(metal.bgr, np.float32)
    bgr += (metal.shine * 0.55 * gleam * (1 + 0.1 * marks))[..., None]
    return np.asarray(bgr * 255, np.float32)


def rusted(bgr: Field, rng: Generator, radius_px: float, amount: float) -> Field:
    """Lay brown, dull patches over a painted part; `amount` 0..1 is roughly the share that is covered."""
    wh = bgr.shape[1], bgr.shape[0]
    patches = step((cloud(rng, wh, radius_px * rng.uniform(0.3, 0.7)) + 2.2 * amount - 1.1) * 1.6)
    speckle = 1 + 0.22 * noise(rng, wh, 2.2)
    tint = np.array((rng.uniform(28, 48), rng.uniform(50, 72), rng.uniform(88, 126)), np.float32)
    dull = 0.6 + 0.35 * bgr.mean(axis=2, keepdims=True) / 130
    rust = tint * dull * speckle[..., None]
    mix = (0.88 * patches)[..., None]
    return np.asarray(bgr * (1 - mix) + rust * mix, np.float32)


def sprite_of(part: Part, light: Light) -> Sprite:
    """Paint one part."""
    rng = np.random.default_rng(part.seed)
    grid = grid_of(part, bend_of(part, rng))
    relief = SHAPES[part.label](grid, rng)
    if part.state == "chipped":
        relief = chipped(relief, rng, part.radius_px, part.wear)
    metal = METALS[int(rng.integers(len(METALS)))]
    bgr = shaded(relief, metal, light, rng, part.radius_px)
    if part.state == "rusty":
        bgr = rusted(bgr, rng, part.radius_px, rng.uniform(0.25, 0.75))
    if part.state == "scratched":
        marks = scratches(rng, relief.cover.shape, part.radius_px)
        marks = marks[..., None] * part.wear
        bgr = bgr * (1 + 0.7 * marks) + 70 * np.maximum(marks, 0)
    lift_px = float(relief.height.max()) * part.radius_px * 0.6
    return Sprite(bgr.astype(np.float32), relief.cover, grid.origin, lift_px)


# ---------------------------------------------------------------------------------------------------------- clutter


def clutter_mask(rng: Generator, radius_px: float, kind: str) -> tuple[Field, Field]:
    """Return cover and height (radii) of one thing that is not a part."""
    reach = int(radius_px * 1.5) + 3
    y, x = (np.mgrid[-reach : reach + 1, -reach : reach + 1] / radius_px).astype(np.float32)
    angle = rng.uniform(0, np.pi)
    u = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    v = y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))
    r, theta = np.hypot(u, v * np.float32(rng.uniform(1.0, 1.6))), np.arctan2(v, u)
    wobble = sum(rng.normal(0, 0.22 / k) * np.cos(k * theta + rng.uniform(0, 6.3)) for k in range(2, 6))
    outlines = {
        "paper": np.maximum(np.abs(u) - 1, np.abs(v) - 0.6) + 0.15 * wobble,
        "oil": r - 1 + wobble,
        "pebble": r - 0.9 + 0.5 * wobble,
        "stick": np.maximum(np.abs(u) - 1.2, np.abs(v) - 0.14),
        "coin": np.hypot(u, v) - 0.9,
        "ring": np.abs(np.hypot(u, v) - 0.85) - 0.11,
        "curl": np.maximum(np.abs(v - 0.35 * np.sin(4.5 * u)) - 0.09, np.abs(u) - 1.1),
        "plate": np.maximum(hexagon_like(u, v) - 0.85, -1),
    }
    d = outlines[kind].astype(np.float32)
    cover = np.clip(0.5 - d * radius_px, 0, 1)
    height = 0.35 * step(-d / 0.5) if kind == "pebble" else 0.08 * step(-d / 0.08)
    return cover.astype(np.float32), (height * cover).astype(np.float32)


def hexagon_like(u: Field, v: Field) -> Field:
    """Return the distance from the middle of a hexagon, in its own radii."""
    return np.maximum(np.abs(u), 0.5 * np.abs(u) + 0.866 * np.abs(v))


CLUTTER = ("paper", "oil", "pebble", "stick", "coin", "ring", "curl", "plate")
CLUTTER_BGR = {
    "paper": (215, 222, 226),
    "oil": (26, 26, 28),
    "pebble": (110, 116, 122),
    "stick": (96, 140, 176),
    "coin": (120, 140, 150),
    "ring": (40, 40, 42),
    "curl": (150, 150, 152),
    "plate": (120, 122, 124),
}


def clutter_sprite(rng: Generator, xy: tuple[float, float], radius_px: float, light: Light) -> Sprite:
    """Paint a scrap of paper, an oil spot, a pebble, a stick, a blank disc or plate, an O-ring, or a metal chip."""
    kind = CLUTTER[int(rng.integers(len(CLUTTER)))]
    cover, height = clutter_mask(rng, radius_px, kind)
    tint = np.array(CLUTTER_BGR[kind], np.float32) * rng.uniform(0.7, 1.15) + rng.normal(0, 9, 3).astype(np.float32)
    if kind in {"coin", "curl", "plate"}:
        grain = np.zeros_like(cover)
        metal = Material(tuple((tint / 255).tolist()), 0.6, 20.0)
        bgr = shaded(Relief(height, cover, grain), metal, light, rng, radius_px)
    else:
        nx, ny, nz = slopes(height * radius_px)
        diffuse = np.clip(nx * light.xyz[0] + ny * light.xyz[1] + nz * light.xyz[2], 0, 1)
        speckle = 1 + 0.06 * noise(rng, cover.shape[::-1], 3.0)
        bgr = (0.45 + 0.65 * diffuse)[..., None] * tint * speckle[..., None]
    if kind == "oil":
        cover = blurred(cover, 1.2) * np.float32(rng.uniform(0.45, 0.8))
    reach = cover.shape[0] // 2
    lift_px = 0.0 if kind == "oil" else float(height.max()) * radius_px
    return Sprite(bgr.astype(np.float32), cover, (int(xy[0]) - reach, int(xy[1]) - reach), lift_px)


# ------------------------------------------------------------------------------------------------------------- belt


def belt(rng: Generator, wh: tuple[int, int]) -> Field:
    """Paint an empty belt that travels along x: its weave, wear, stains, scratches and sometimes side rails."""
    tint = np.array(BELTS_BGR[int(rng.integers(len(BELTS_BGR)))], np.float32) * rng.uniform(0.8, 1.15)
    value = 1 + rng.uniform(0.02, 0.06) * cloud(rng, wh, rng.uniform(40, 120))
    value += rng.uniform(0.005, 0.04) * noise(rng, wh, 2.0)
    value += pattern(rng, wh)
    value *= 1 + lengthwise_wear(rng, wh)
    canvas = value[..., None] * tint
    canvas = stained(canvas, rng)
    canvas = scored(canvas, rng)
    return railed(canvas, rng) if rng.random() < 0.35 else canvas


def pattern(rng: Generator, wh: tuple[int, int]) -> Field:
    """Return the belt's structure: smooth, woven, ribbed or dimpled."""
    x, y = np.meshgrid(np.arange(wh[0], dtype=np.float32), np.arange(wh[1], dtype=np.float32))
    period, depth = rng.uniform(5, 14), rng.uniform(0.015, 0.07)
    kind = pick(rng, (0.4, 0.2, 0.2, 0.2), ("smooth", "woven", "ribbed", "dimpled"))
    if kind == "smooth":
        return np.zeros_like(x)
    waves: dict[str, Callable[[], Field]] = {
        "woven": lambda: np.sin(6.283 * (x + y) / period) * np.sin(6.283 * (x - y) / period),
        "ribbed": lambda: np.sin(2.094 * x / period) ** 9 * 1.6,
        "dimpled": lambda: np.maximum(0, np.sin(3.142 * x / period) * np.sin(3.142 * y / period)) ** 3 * 1.5,
    }
    return (depth * waves[kind]()).astype(np.float32)


def lengthwise_wear(rng: Generator, wh: tuple[int, int]) -> Field:
    """Return tracks that run along the belt's travel."""
    lines = rng.standard_normal((wh[1], 1), dtype=np.float32)
    lines = blurred(lines, rng.uniform(1.0, 6.0))
    return np.repeat(lines * np.float32(rng.uniform(0.01, 0.08)), wh[0], axis=1)


def stained(canvas: Field, rng: Generator) -> Field:
    """Darken or lighten a few blotches."""
    wh = canvas.shape[1], canvas.shape[0]
    for _ in range(int(rng.integers(0, 4))):
        patch = step(cloud(rng, wh, rng.uniform(25, 110)) * 1.2 - rng.uniform(0.9, 1.7))
        canvas = canvas * (1 + rng.uniform(-0.35, 0.22) * patch)[..., None]
    return canvas


def scored(canvas: Field, rng: Generator) -> Field:
    """Score the belt with long scratches, most of them along its travel, and some chalk-like loops."""
    height, width = canvas.shape[:2]
    marks = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(0, 14) * width / FRAME_WH[0])):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        length, angle = rng.uniform(20, 260), rng.normal(0, 0.25)
        end = int(x + length * np.cos(angle)), int(y + length * np.sin(angle))
        cv2.line(marks, (int(x), int(y)), end, int(rng.integers(60, 255)), 1, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 3))):
        centre = int(rng.uniform(0, width)), int(rng.uniform(0, height))
        axes = int(rng.uniform(8, 40)), int(rng.uniform(8, 40))
        cv2.ellipse(marks, centre, axes, rng.uniform(0, 180), 0, rng.uniform(120, 360), 110, 1, cv2.LINE_AA)
    lines = blurred(marks.astype(np.float32), rng.uniform(0.3, 0.9)) / 255
    return canvas + (lines * rng.uniform(-30, 45))[..., None]


def railed(canvas: Field, rng: Generator) -> Field:
    """Put a steel guide along the upper and the lower edge of the picture."""
    height = canvas.shape[0]
    for edge in (0, 1):
        thickness = int(rng.uniform(0.02, 0.09) * height)
        profile = np.linspace(0, np.pi, thickness, dtype=np.float32)
        shade = (70 + rng.uniform(40, 110) * np.sin(profile) ** 2)[:, None, None]
        rows = slice(0, thickness) if edge == 0 else slice(height - thickness, height)
        canvas[rows] = shade * (1 + 0.04 * rng.standard_normal((*canvas[rows].shape[:2], 1), dtype=np.float32))
        inner = slice(thickness, thickness + 8) if edge == 0 else slice(height - thickness - 8, height - thickness)
        canvas[inner] *= 0.72
    return canvas


# ------------------------------------------------------------------------------------------------------------ scene


def lay(canvas: Field, sprite: Sprite, light: Light) -> tuple[slice, slice] | None:
    """Lay a sprite and its shadow on the canvas; return the window of the canvas that it fills, if any."""
    shadow_px = (-light.xyz[0] * sprite.lift_px * 1.6, -light.xyz[1] * sprite.lift_px * 1.6)
    if sprite.lift_px > 0:
        soft = blurred(np.pad(sprite.cover, 8), 0.8 + light.softness * (1 + 0.2 * sprite.lift_px))
        origin = sprite.origin[0] - 8 + round(shadow_px[0]), sprite.origin[1] - 8 + round(shadow_px[1])
        target, source = overlap(canvas.shape, soft.shape, origin)
        canvas[target] *= (1 - light.shadow * soft[source])[..., None]
    target, source = overlap(canvas.shape, sprite.cover.shape, sprite.origin)
    if canvas[target].size == 0:
        return None
    alpha = sprite.cover[source][..., None]
    canvas[target] = canvas[target] * (1 - alpha) + sprite.bgr[source] * alpha
    return target


def overlap(
    canvas_shape: tuple[int, ...], sprite_shape: tuple[int, ...], origin: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the windows, in canvas and in sprite, where the two meet."""
    left, top = max(0, origin[0]), max(0, origin[1])
    right = max(left, min(canvas_shape[1], origin[0] + sprite_shape[1]))
    bottom = max(top, min(canvas_shape[0], origin[1] + sprite_shape[0]))
    target = slice(top, bottom), slice(left, right)
    source = slice(top - origin[1], bottom - origin[1]), slice(left - origin[0], right - origin[0])
    return target, source


SIZES = {"bolt": (0.95, 1.6), "nut": (0.5, 0.85), "washer": (0.5, 1.0), "gear": (0.75, 1.4), "spring": (0.9, 1.5)}


def scatter(rng: Generator, wh: tuple[int, int], count: int, scale_px: float) -> tuple[Part, ...]:
    """Throw parts on the belt: some overlap a little, some stick out of the picture, few lie on one another."""
    parts: list[Part] = []
    for _ in range(count * 8):
        if len(parts) == count:
            break
        label = LABELS[int(rng.integers(len(LABELS)))]
        radius = scale_px * rng.uniform(*SIZES[label])
        xy = float(rng.uniform(-4, wh[0] + 4)), float(rng.uniform(wh[1] * 0.04, wh[1] * 0.96))
        state = pick(rng, WEAR_IN_FRAMES, STATES)
        part = Part(label, state, xy, radius, float(rng.uniform(0, 2 * np.pi)), int(rng.integers(2**62)))
        closeness = rng.choice((0.62, 0.95), p=(0.3, 0.7))
        gaps = [np.hypot(xy[0] - p.xy[0], xy[1] - p.xy[1]) / (radius + p.radius_px) for p in parts]
        if min(gaps, default=9.0) > closeness:
            parts.append(part)
    return tuple(parts)


def a_light(rng: Generator) -> Light:
    """Hang a lamp somewhere above the belt."""
    angle, tilt = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.95)
    xyz = np.sin(tilt) * np.cos(angle), np.sin(tilt) * np.sin(angle), np.cos(tilt)
    return Light((float(xyz[0]), float(xyz[1]), float(xyz[2])), rng.uniform(0.2, 0.6), rng.uniform(0.8, 3.5))


def scene_of(rng: Generator, wh: tuple[int, int], parts: tuple[Part, ...], clutter: int, scale_px: float) -> Scene:
    """Paint a belt, then clutter and parts in random order, and measure each part that can still be seen."""
    canvas, light = belt(rng, wh).astype(np.float32), a_light(rng)
    owner = np.full(canvas.shape[:2], -1, np.int16)
    sprites = [(i, sprite_of(part, light)) for i, part in enumerate(parts)]
    for _ in range(clutter):
        xy = float(rng.uniform(0, wh[0])), float(rng.uniform(0, wh[1]))
        size = scale_px * float(rng.uniform(0.25, 1.0))
        sprites.insert(int(rng.integers(max(1, len(sprites) // 2))), (-1, clutter_sprite(rng, xy, size, light)))
    for i, sprite in sprites:
        window = lay(canvas, sprite, light)
        if window is not None:
            _, source = overlap(canvas.shape, sprite.cover.shape, sprite.origin)
            owner[window][sprite.cover[source] > 0.5] = i
    boxes = [_box(parts[i].label, sprite, owner, i) for i, sprite in sprites if i >= 0]
    return Scene(canvas, tuple(box for box in boxes if box is not None))


def _box(label: str, sprite: Sprite, owner: NDArray[np.int16], index: int) -> Box | None:
    """Measure a part's box within the picture, or return None where too little of it shows."""
    target, source = overlap(owner.shape, sprite.cover.shape, sprite.origin)
    inside = sprite.cover[source] > 0.5
    visible = np.count_nonzero(owner[target][inside] == index)
    if visible < LEAST_VISIBLE * np.count_nonzero(sprite.cover > 0.5) or visible < 30:
        return None
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    top, left = target[0].start, target[1].start
    return Box(label, (left + columns[0], top + rows[0], left + columns[-1] + 1.0, top + rows[-1] + 1.0))


# ----------------------------------------------------------------------------------------------------------- camera


def lamp_field(rng: Generator, wh: tuple[int, int]) -> Field:
    """Return the light that falls on each pixel: a slope, a bright spot, dark corners, sometimes a cast shadow."""
    x, y = np.meshgrid(np.linspace(-1, 1, wh[0], dtype=np.float32), np.linspace(-1, 1, wh[1], dtype=np.float32))
    angle = rng.uniform(0, 2 * np.pi)
    field = 1 + rng.uniform(0, 0.35) * (x * np.cos(angle) + y * np.sin(angle))
    spot = np.exp(-((x - rng.uniform(-1, 1)) ** 2 + (y - rng.uniform(-1, 1)) ** 2) / rng.uniform(0.2, 1.0))
    field += rng.uniform(0, 0.35) * spot - rng.uniform(0, 0.2) * (x * x + y * y)
    if rng.random() < 0.3:
        across = x * np.cos(angle + 1) + y * np.sin(angle + 1) - rng.uniform(-0.7, 0.7)
        edge = step((rng.uniform(0.1, 0.5) - np.abs(across)) / rng.uniform(0.02, 0.3) + 0.5)
        field *= 1 - rng.uniform(0.2, 0.55) * edge
    return np.asarray(np.maximum(field, 0.15), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """How one camera sees: light and colour per pixel, blur along the travel, defocus, noise, JPEG quality."""

    gain: Field  # HxWx3, light and colour cast together
    motion_px: int
    defocus_px: float
    noise_levels: float
    jpeg_quality: int


def a_camera(rng: Generator, wh: tuple[int, int]) -> Camera:
    """Set up a camera that is a little too dark or bright, coloured, blurred and noisy."""
    cast = np.exp(rng.normal(0, 0.05, 3)).astype(np.float32)
    exposure = np.exp(rng.normal(0, 0.2))
    gain = lamp_field(rng, wh)[..., None] * cast * np.float32(exposure)
    motion_px = int(rng.choice((1, 1, 3, 5, 7)))
    return Camera(gain, motion_px, rng.uniform(0.3, 1.3), rng.uniform(0.8, 3.8), int(rng.integers(72, 87)))


def exposed(canvas: Field, camera: Camera, rng: Generator) -> Image:
    """Take a picture of a canvas as large as the camera's frame; before JPEG."""
    light = cv2.blur(canvas, (camera.motion_px, 1)) if camera.motion_px > 1 else canvas
    light = blurred(light * camera.gain, camera.defocus_px)
    wh = canvas.shape[1], canvas.shape[0]
    colour_wh = wh[0] // 2, wh[1] // 2
    colour = rng.standard_normal((colour_wh[1], colour_wh[0], 3), dtype=np.float32)
    grey = 0.7 * noise(rng, wh, 1.6)[..., None] + 0.3 * cv2.resize(colour, wh)
    noisy = light + grey * camera.noise_levels * np.sqrt(0.3 + np.maximum(light, 0) / 160)
    return np.clip(noisy, 0, 255).astype(np.uint8)


# --------------------------------------------------------------------------------------------------------- pictures


@dataclass(frozen=True, slots=True)
class Picture:
    """One shipped picture: its JPEG bytes and what is on it."""

    jpeg: bytes
    boxes: tuple[Box, ...]

    def bgr(self) -> Image:
        """Decode the picture."""
        return np.asarray(cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def encoded(image: Image, quality: int) -> bytes:
    """Encode a picture as JPEG, with Huffman tables of its own: smaller, and the same pixels."""
    options = (cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1)
    done, data = cv2.imencode(".jpg", image, options)
    if not done:
        raise RuntimeError("OpenCV could not encode a JPEG")
    return bytes(data)


def frame(stream: Stream, index: int) -> Picture:
    """Render one camera frame, 640x360, with its boxes."""
    rng = generator(stream, index)
    scale_px = float(rng.uniform(20, 42))
    count = 0 if rng.random() < 0.04 else int(rng.integers(1, 12))
    parts = scatter(rng, FRAME_WH, count, scale_px)
    scene = scene_of(rng, FRAME_WH, parts, int(rng.integers(0, 8)), scale_px)
    camera = a_camera(rng, FRAME_WH)
    return Picture(encoded(exposed(scene.canvas, camera, rng), camera.jpeg_quality), scene.boxes)


def crop(stream: Stream, index: int, state: str) -> Image:
    """Render one washer, nut or gear on the inspection table, 64x64: even light, a pale ground, wear that shows."""
    rng = generator(stream, index)
    label = pick(rng, (0.4, 0.3, 0.3), ("washer", "nut", "gear"))
    side = 2 * CROP_PX
    xy = side / 2 + float(rng.normal(0, 3)), side / 2 + float(rng.normal(0, 3))
    radius = float(rng.uniform(44, 58))
    part = Part(label, state, xy, radius, float(rng.uniform(0, 2 * np.pi)), int(rng.integers(2**62)), 1.4)
    light = replace(a_light(rng), shadow=0.3)
    table = rng.uniform(0.9, 1.1) * (1 + 0.03 * cloud(rng, (side, side), 40))[..., None]
    canvas = (table * np.array((196, 200, 202))).astype(np.float32)
    lay(canvas, sprite_of(part, light), light)
    gain = np.exp(rng.normal(0, 0.04, 3) + rng.normal(0, 0.1)).astype(np.float32)
    even = np.broadcast_to(gain, canvas.shape)
    image = exposed(canvas, Camera(even, 1, rng.uniform(0.2, 1.0), rng.uniform(1.0, 4.0), 88), rng)
    return np.asarray(cv2.resize(image, (CROP_PX, CROP_PX), interpolation=cv2.INTER_AREA), np.uint8)


def clip_frames() -> Iterator[Image]:
    """Yield the frames of the clip: one long belt drawn past a still camera."""
    rng = generator(Stream.CLIP, CLIP_SCENE)
    length = int(FRAME_WH[0] + CLIP_SPEED_PX * CLIP_FRAMES) + 2
    strip_wh = length, FRAME_WH[1]
    parts = scatter(rng, strip_wh, 24, 42.0)
    scene = scene_of(rng, strip_wh, parts, 10, 36.0)
    set_up = a_camera(rng, FRAME_WH)
    camera = Camera(set_up.gain / set_up.gain.mean() * np.float32(1.05), 3, 0.7, 1.0, 90)
    for i in range(CLIP_FRAMES):
        left = length - FRAME_WH[0] - 1 - i * CLIP_SPEED_PX
        shift = np.array(((1, 0, -left), (0, 1, 0)), np.float32)
        view = cv2.warpAffine(scene.canvas, shift, FRAME_WH, flags=cv2.INTER_LINEAR)
        yield exposed(np.asarray(view, np.float32), camera, generator(Stream.CLIP, i + 1))


# ---------------------------------------------------------------------------------------------------------- writing


def write_frames(folder: Path, stream: Stream, count: int) -> tuple[tuple[str, tuple[Box, ...]], ...]:
    """Write frames as `frame-000.jpg` and on; return each name with its boxes."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for i in range(count):
        picture = frame(stream, i)
        path = folder / f"frame-{i:03d}.jpg"
        path.write_bytes(picture.jpeg)
        written.append((f"{folder.name}/{path.name}", picture.boxes))
    return tuple(written)


def write_boxes(path: Path, rows: tuple[tuple[str, tuple[Box, ...]], ...]) -> None:
    """Write detection labels, one box a row; a frame without boxes is one row with nothing in it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file", "label", "x1", "y1", "x2", "y2"))
        for name, boxes in rows:
            writer.writerows((name, box.label, *(f"{value:.1f}" for value in box.xyxy)) for box in boxes)
            if not boxes:
                writer.writerow((name, "", "", "", "", ""))


def write_crops(folder: Path, stream: Stream, count: int) -> tuple[tuple[str, str], ...]:
    """Write crops as `crop-000.jpg` and on; return each name with its state."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for i in range(count):
        state = STATES[i % len(STATES)]
        path = folder / f"crop-{i:03d}.jpg"
        path.write_bytes(encoded(crop(stream, i, state), 88))
        written.append((f"{folder.name}/{path.name}", state))
    return tuple(written)


def write_clip(path: Path) -> None:
    """Write the clip as MPEG-4 video."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), CLIP_FPS, FRAME_WH)
    if not writer.isOpened():
        raise RuntimeError(f"{path}: OpenCV could not open a video writer for mp4v")
    for image in clip_frames():
        writer.write(image)
    writer.release()


def write_all(folder: Path) -> None:
    """Write every shipped picture, label file and the clip under `folder`."""
    write_frames(folder / "calibration", Stream.CALIBRATION, 64)
    write_boxes(folder / "eval.csv", write_frames(folder / "eval", Stream.EVAL, 160))
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n", encoding="utf-8")
    crops = folder / "crops"
    write_crops(crops / "calibration", Stream.CROP_CALIBRATION, 100)
    rows = write_crops(crops / "eval", Stream.CROP_EVAL, 400)
    (crops / "eval.csv").write_text("file,label\n" + "".join(f"{name},{state}\n" for name, state in rows), "utf-8")
    (crops / "labels.txt").write_text("\n".join(STATES) + "\n", encoding="utf-8")
    write_clip(folder / "clip.mp4")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Render the demo's pictures, labels and clip again, from their seeds.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "examples" / "parts")
    write_all(parser.parse_args().out)


if __name__ == "__main__":
    main()
