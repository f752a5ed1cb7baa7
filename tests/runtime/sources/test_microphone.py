from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.preprocess import WindowSteps
from edge_sdk.runtime.sources.microphone import open_microphone
from edge_sdk.runtime.sources.record import Address
from edge_sdk.runtime.sources.sensor import SensorWindows
from tests.fakes import SoundCard

SOUND = WindowSteps(("sound",), samples=320, hop=320, rate_hz=16000.0)


def microphone(card, place="", steps=SOUND, **options):
    address = Address(f"mic:{place}", place, options, steps)
    return open_microphone(address, steps.columns, sound=card)


def test_sound_is_from_minus_one_to_one_at_the_model_s_rate_on_our_clock():
    card = SoundCard(["USB Audio"])
    with closing(microphone(card)) as sensor:
        card.play(np.array([-32768, 16384] * 160), adc_s=-0.02)
        rows = sensor.read()
    assert (card.asked["samplerate"], card.asked["channels"], card.asked["dtype"]) == (16000.0, 1, "int16")
    assert card.asked["device"] is None
    assert rows.values[:2, 0].tolist() == [-1, 0.5]
    assert np.diff(rows.stamps_ns).tolist() == [62_500] * 319
    assert card.now_ns - rows.stamps_ns[0] == pytest.approx(20_000_000, abs=5_000_000)


def test_what_portaudio_lost_is_lost_windows():
    card = SoundCard(["USB Audio"])
    with closing(SensorWindows(microphone(card), SOUND)) as source:
        for number in (0, 1, 4, 5):
            card.play(np.full(320, number), adc_s=number * 0.02, overflow=number == 4)
        samples = [source.read() for _ in range(4)]
    assert [sample.seq for sample in samples] == [0, 1, 4, 5]
    assert [sample.data[0, 0] * 32768 for sample in samples] == [0, 1, 4, 5]


def test_what_nobody_took_in_time_is_lost():
    card = SoundCard(["USB Audio"])
    with closing(microphone(card)) as sensor:
        for number in range(253):
            card.play(np.zeros(320), adc_s=number * 0.02)
        for _ in range(250):
            assert sensor.read().lost == 0
        card.play(np.zeros(320), adc_s=253 * 0.02)
        assert sensor.read().lost == 3 * 320


def test_a_device_is_found_by_a_part_of_its_name():
    card = SoundCard(["HDA Intel", "USB Audio: hw:1", "USB Camera: hw:2"])
    with closing(microphone(card, "usb audio")):
        assert card.asked["device"] == 1
    with pytest.raises(InputError, match=r"^mic:usb: expected one input usb, got USB Audio: hw:1, USB Camera: hw:2$"):
        microphone(card, "usb")
    with pytest.raises(UnavailableError, match=r"^mic:none: expected an input none, got HDA Intel, USB Audio"):
        microphone(card, "none")


def test_a_rate_that_the_device_does_not_have_is_told():
    card = SoundCard(["USB Audio"], rates_hz=(48000.0,))
    with pytest.raises(UnavailableError, match=r"^mic:: expected 1 channels at 16000 Hz, got Invalid sample rate$"):
        microphone(card)
    with closing(microphone(card, rate_hz="48000")) as sensor:
        assert sensor.rate_hz == 48000.0
