from __future__ import annotations

import dataclasses
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_sdk import records
from edge_sdk.errors import InputError

CASES = sorted((Path(__file__).parents[1] / "cases" / "records").glob("*.json"))


@dataclass(frozen=True, slots=True)
class Wheel:
    """A record within a record, which checks itself."""

    size_cm: float
    name: str = "front"

    def __post_init__(self) -> None:
        if self.size_cm <= 0:
            raise InputError(f"size_cm: expected more than 0, got {self.size_cm}", hint="measure it")


@dataclass(frozen=True, slots=True)
class Cart:
    """One field of each kind."""

    name: str
    load_kg: int = 1
    is_painted: bool = False
    speed_ms: float = 1.5
    color: Literal["red", "green"] = "red"
    wheel: Wheel | None = None
    wheels: tuple[Wheel, ...] = ()
    size_wh: tuple[int, int] = (1, 1)
    marks: frozenset[str] = frozenset()
    prices: dict[str, float] = field(default_factory=dict)
    gears: dict[Literal["low", "high"], int] = field(default_factory=dict)
    owner: Wheel | str = "nobody"
    axles: Literal[1, 2] = 1


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_mistake_of_a_document_is_told_by_its_place(path):
    case = json.loads(path.read_text())
    with pytest.raises(InputError) as caught:
        records.read(Cart, case["input"], where="cart", unknown=case.get("unknown", "refuse"))
    assert str(caught.value).splitlines() == [f"cart: {mistake}" for mistake in case["mistakes"]]
    assert caught.value.hint == case.get("hint", "")


def test_a_document_that_fits_becomes_the_record():
    data = {
        "name": "a",
        "load_kg": 2,
        "is_painted": True,
        "speed_ms": 3,
        "color": "green",
        "wheel": {"size_cm": 1},
        "wheels": [{"size_cm": 2.5, "name": "rear"}],
        "size_wh": [3, 4],
        "marks": ["x", "y"],
        "prices": {"new": 5},
        "gears": {"low": 1},
        "owner": "me",
        "axles": 2,
    }
    wanted = Cart("a", 2, True, 3.0, "green", Wheel(1.0), (Wheel(2.5, "rear"),), (3, 4))
    wanted = dataclasses.replace(
        wanted, marks=frozenset("xy"), prices={"new": 5.0}, gears={"low": 1}, owner="me", axles=2
    )
    got = records.read(Cart, data, where="cart")
    assert got == wanted
    assert type(got.speed_ms) is float


def test_missing_fields_take_their_defaults():
    assert records.read(Cart, {"name": "a"}, where="cart") == Cart("a")
    assert records.read(Cart, {"name": "a", "wheel": None}, where="cart").wheel is None


def test_unknown_keys_of_a_newer_program_are_ignored_if_said():
    data = {"name": "a", "wings": 2, "gears": {"low": 1, "overdrive": 5}}
    assert records.read(Cart, data, where="cart", unknown="ignore") == Cart("a", gears={"low": 1})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 10**400], ids=["nan", "inf", "huge"])
def test_numbers_that_no_float_holds_are_refused(number):
    with pytest.raises(InputError, match=r"^cart: speed_ms: expected a number, got \S+$"):
        records.read(Cart, {"name": "a", "speed_ms": number}, where="cart")


def test_the_greatest_float_is_a_number():
    assert (
        records.read(Cart, {"name": "a", "speed_ms": sys.float_info.max}, where="cart").speed_ms == sys.float_info.max
    )


numbers = st.integers(-(10**6), 10**6)
wheels = st.builds(Wheel, st.floats(0.1, 1e6), st.text())
carts = st.builds(
    Cart,
    name=st.text(),
    load_kg=numbers,
    is_painted=st.booleans(),
    speed_ms=st.floats(allow_nan=False, allow_infinity=False),
    color=st.sampled_from(["red", "green"]),
    wheel=st.none() | wheels,
    wheels=st.lists(wheels, max_size=3).map(tuple),
    size_wh=st.tuples(numbers, numbers),
    marks=st.frozensets(st.text(), max_size=3),
    prices=st.dictionaries(st.text(), st.floats(-1e9, 1e9), max_size=3),
    gears=st.dictionaries(st.sampled_from(["low", "high"]), numbers),
    owner=wheels | st.text(),
    axles=st.sampled_from([1, 2]),
)


@given(carts)
def test_a_record_written_as_json_reads_back_the_same(cart):
    assert records.read(Cart, json.loads(records.to_json(cart)), where="cart") == cart


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
FIELDS = [one.name for one in dataclasses.fields(Cart)]


@given(st.dictionaries(st.sampled_from(FIELDS), trees) | trees, st.sampled_from(["refuse", "ignore"]))
def test_any_document_becomes_a_record_or_a_list_of_mistakes(data, unknown):
    try:
        assert isinstance(records.read(Cart, data, where="cart", unknown=unknown), Cart)
    except InputError as exc:
        assert all(line.startswith("cart: ") for line in str(exc).split("\n"))


def test_json_has_the_fields_in_order_and_nothing_for_what_is_no_number():
    text = records.to_json(Wheel(float("inf"), "größer"))
    assert text == '{\n  "size_cm": null,\n  "name": "größer"\n}\n'


def test_a_near_match_is_offered_and_a_far_one_is_not():
    assert records.near_match("cartt", ["cart", "boat"]) == "; did you mean 'cart'?"
    assert records.near_match("plane", ["cart", "boat"]) == ""


def test_a_toml_document_becomes_a_record():
    assert records.read_toml(Cart, b'name = "small"\nspeed_ms = 2', where="cart.toml") == Cart("small", speed_ms=2.0)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"name = ", "cart.toml: expected TOML, got Invalid value"),
        (b"\xff", "cart.toml: expected TOML, got 'utf-8' codec can't decode byte 0xff"),
        (b'name = "small"\nspeed = 2', "cart.toml: speed: unknown key; did you mean 'speed_ms'?"),
    ],
)
def test_a_document_that_is_no_toml_or_no_record_is_refused(document, message):
    with pytest.raises(InputError) as refusal:
        records.read_toml(Cart, document, where="cart.toml")
    assert str(refusal.value).startswith(message)
