from __future__ import annotations

import pytest

from edge_sdk.flash.image.cloud_settings import seed_of, takes_vendor_data


@pytest.mark.parametrize(
    ("settings", "seed"),
    [
        ("", "LABEL=cidata"),
        ("datasource:\n  NoCloud:\n    seedfrom: file:///boot/firmware\n", "/boot/firmware"),
        ("    seedfrom: '/boot/'\n", "/boot"),
        ("    fs_label: system-boot\n", "LABEL=system-boot"),
        ("    fs_label: a\n    seedfrom: file:///b\n", "/b"),
        ("    # seedfrom: file:///b\n", "LABEL=cidata"),
        ("    fs_label: null\n", "LABEL=null"),
    ],
)
def test_the_seed_is_what_was_said_last(settings, seed):
    assert seed_of(settings) == seed


@pytest.mark.parametrize(
    ("settings", "takes"),
    [
        ("", True),
        ("vendor_data: {enabled: true}", True),
        ("vendor_data: {enabled: false}", False),
        ("vendor_data: {'prefix': [], enabled: no}", False),
        ("a: 1\nvendor_data:\n  prefix: []\n  enabled: False\n", False),
        ("vendor_data:\n  prefix: []\nother:\n  enabled: false\n", True),
        ("#vendor_data: {enabled: false}", True),
    ],
)
def test_vendor_data_is_on_unless_it_is_switched_off(settings, takes):
    assert takes_vendor_data(settings) is takes
