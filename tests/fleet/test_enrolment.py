"""Claims: each makes one board a member, once, within its hours."""

from __future__ import annotations

import contextlib
import stat

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from edge_sdk.errors import InputError
from edge_sdk.fleet.enrolment import Enrolment
from edge_sdk.fleet.rate import Buckets, Rate
from edge_sdk.fleet.refusals import Refusal, Refusals
from edge_sdk.wire import decode
from edge_sdk.wire.enrolment import Claim, EnrolRequest, Home, Progress
from tests.fleet.conftest import NOW_S
from tests.fleet.hardened import device_key, request_of

WRONG = "claim: expected one that was made here, got another"


@pytest.fixture
def enrolment(tmp_path, authority):
    return Enrolment(tmp_path / "devices", authority)


@pytest.fixture
def home(authority):
    ca = authority.ca_pem.decode()
    return Home("plant", "press-4", "mqtts://localhost:8883", "https://localhost:8443", ca, "{}", ("presses",))


def asking(claim, key=None, **changed):
    told = {"device": "press-4", "token": claim.token, "request": request_of("press-4", key).decode(), **changed}
    return EnrolRequest(**told)


def test_a_claim_is_good_for_one_key_which_may_ask_again(enrolment, home):
    claim, key = enrolment.claim(home, now_s=NOW_S), device_key()
    first = enrolment.certify(asking(claim, key), now_s=NOW_S + 60)
    assert x509.load_pem_x509_certificate(first).public_key() == key.public_key()
    assert enrolment.certify(asking(claim, key), now_s=NOW_S + 120) == first
    with pytest.raises(InputError, match="claim: expected one that was not used, got one that another key has used"):
        enrolment.certify(asking(claim, device_key()), now_s=NOW_S + 120)


def test_a_claim_ends(enrolment, home):
    claim, key = enrolment.claim(home, now_s=NOW_S, hours=2), device_key()
    assert claim.expires_unix_s == NOW_S + 7200
    assert enrolment.certify(asking(claim, key), now_s=NOW_S + 7199)
    with pytest.raises(InputError, match="claim: expected one that still holds, got one that has ended"):
        enrolment.certify(asking(claim, key), now_s=NOW_S + 7200)


def test_a_new_claim_takes_the_place_of_the_old(enrolment, home):
    old, new = (enrolment.claim(home, now_s=NOW_S) for _ in range(2))
    with pytest.raises(InputError, match=WRONG):
        enrolment.certify(asking(old), now_s=NOW_S)
    assert enrolment.certify(asking(new), now_s=NOW_S)
    assert [(record.device, bool(record.key_sha256)) for record in enrolment.members()] == [("press-4", True)]


@pytest.mark.parametrize("changed", [{"token": "x" * 43}, {"token": ""}, {"device": "press-5"}])
def test_a_wrong_token_and_a_device_without_a_claim_hear_the_same(enrolment, home, changed):
    claim = enrolment.claim(home, now_s=NOW_S)
    with pytest.raises(InputError, match=WRONG):
        enrolment.certify(asking(claim, **changed), now_s=NOW_S)
    assert enrolment.certify(asking(claim), now_s=NOW_S)


def test_a_request_of_another_name_does_not_use_the_claim_up(enrolment, home):
    claim = enrolment.claim(home, now_s=NOW_S)
    with pytest.raises(InputError, match="request of press-4: expected the name 'press-4', got 'press-5'"):
        enrolment.certify(asking(claim, request=request_of("press-5").decode()), now_s=NOW_S)
    assert enrolment.certify(asking(claim), now_s=NOW_S)


def test_a_claim_of_a_device_that_was_forgotten_is_not_taken(enrolment, home):
    claim = enrolment.claim(home, now_s=NOW_S)
    enrolment.forget("press-4")
    with pytest.raises(InputError, match=WRONG):
        enrolment.certify(asking(claim), now_s=NOW_S)


def test_a_key_that_was_revoked_gets_nothing_more(enrolment, authority, home):
    claim, key = enrolment.claim(home, now_s=NOW_S), device_key()
    assert enrolment.certify(asking(claim, key), now_s=NOW_S)
    authority.revoke("press-4", now_s=NOW_S)
    with pytest.raises(InputError, match="expected a key that is believed, got one that was revoked"):
        enrolment.certify(asking(claim, key), now_s=NOW_S)


def telling(claim, **changed):
    return Progress(**{"device": "press-4", "token": claim.token, "step": "install", "state": "doing", **changed})


def test_what_a_first_boot_tells_is_kept_also_after_the_claim_was_used(enrolment, home):
    claim, key = enrolment.claim(home, now_s=NOW_S), device_key()
    enrolment.note(telling(claim), now_s=NOW_S + 1)
    pem = enrolment.certify(asking(claim, key), now_s=NOW_S + 2)
    enrolment.note(telling(claim, step="done", state="failed", reason="n" * 5000), now_s=NOW_S + 99_999_999)
    member = enrolment.member("press-4")
    assert (member.progress_step, member.progress_state) == ("done", "failed")
    assert (member.progress_reason, member.progress_unix_s) == ("n" * 400, NOW_S + 99_999_999)
    assert (member.enrolled_unix_s, member.groups) == (NOW_S + 2, ("presses",))
    assert enrolment.certify(asking(claim, key), now_s=NOW_S + 3) == pem
    assert enrolment.member("press-4").enrolled_unix_s == NOW_S + 2


def test_a_new_claim_begins_with_nothing_told(enrolment, home):
    claim = enrolment.claim(home, now_s=NOW_S)
    enrolment.note(telling(claim), now_s=NOW_S)
    with pytest.raises(InputError, match=WRONG):
        enrolment.note(telling(claim, token="x" * 43), now_s=NOW_S)
    assert enrolment.members()[0].refused == WRONG
    enrolment.claim(home, now_s=NOW_S)
    assert enrolment.member("press-4").news_unix_s == 0


def test_a_refusal_is_kept_for_the_name_that_was_given(enrolment, home):
    claim = enrolment.claim(home, now_s=NOW_S, hours=1)
    with pytest.raises(InputError):
        enrolment.certify(asking(claim), now_s=NOW_S + 3600)
    member = enrolment.member("press-4")
    assert member.refused == "claim: expected one that still holds, got one that has ended"
    assert member.refused_unix_s == member.news_unix_s == NOW_S + 3600


def test_names_that_nobody_has_leave_as_much_behind_as_others(enrolment, home, tmp_path):
    claim = enrolment.claim(home, now_s=NOW_S)
    for device in ("press-4", "nobody"):
        with pytest.raises(InputError, match=WRONG):
            enrolment.note(telling(claim, token="x" * 43, device=device), now_s=NOW_S)
    assert [member.device for member in enrolment.members()] == ["press-4"]
    assert enrolment.member("nobody") is None
    kept = Refusals(tmp_path / "devices" / "refusals").all()
    assert kept == dict.fromkeys(("press-4", "nobody"), Refusal(WRONG, NOW_S))


def test_refusals_are_bounded_in_number_size_and_rate(tmp_path):
    refusals = Refusals(tmp_path / "refusals", most=3, often=Rate(per_minute=1, burst=5))
    for name in "abacdefg":
        refusals.note(name, "\0" * 500, now_s=NOW_S)
    assert refusals.all() == dict.fromkeys("acd", Refusal("\0" * 200, NOW_S)), "the last three of the five"
    (tmp_path / "refusals").write_bytes(b"torn")
    assert refusals.all() == {}


@pytest.mark.parametrize("step", ["", "Install", "a" * 33, "in stall", "../x"])
def test_a_step_that_is_none_is_refused(step):
    with pytest.raises(InputError, match="step: expected at most 32 lower-case letters, digits, '_', '-', got"):
        Progress("press-4", "x" * 43, step, "doing")


def test_the_token_is_not_on_the_fleets_disk(enrolment, home, tmp_path):
    claim = enrolment.claim(home, now_s=NOW_S)
    record = tmp_path / "devices" / "press-4.json"
    assert claim.token.encode() not in record.read_bytes()
    assert stat.S_IMODE(record.stat().st_mode) == 0o600


def test_a_name_that_leads_elsewhere_is_no_device(enrolment, home):
    claim = enrolment.claim(home, now_s=NOW_S)
    for name in ("../claims/press-4", "", ".", "fleet:ingest"):
        with pytest.raises(InputError, match="device: expected at most 64 letters"):
            enrolment.certify(asking(claim, device=name), now_s=NOW_S)


@given(st.binary(max_size=200))
def test_no_bytes_are_a_claim_or_a_request_by_chance(noise):
    for record in (Claim, EnrolRequest, Progress):
        with contextlib.suppress(InputError):
            assert isinstance(decode(record, noise, where="here"), record)


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"broker": "mqtt://localhost:1883"}, "mqtts: expected mqtts://HOST:PORT, got 'mqtt://localhost:1883'"),
        ({"broker": "mqtts://localhost"}, "mqtts: expected mqtts://HOST:PORT"),
        ({"server": "https://me@localhost:1/"}, "https: expected https://HOST:PORT"),
        ({"server": "https://localhost:99999"}, "https: expected https://HOST:PORT"),
        ({"device": "a/b"}, "device: expected letters"),
        ({"groups": ("a", "+")}, "device: expected letters"),
        ({"ca": "none"}, "ca: expected a certificate in PEM, got 'none'"),
    ],
)
def test_a_home_that_is_none_is_told(changed, wrong):
    right = {"fleet": "plant", "device": "press-4", "broker": "mqtts://h:1", "server": "https://h:2", "root": "{}"}
    with pytest.raises(InputError) as refused:
        Home(**{"ca": "-----BEGIN CERTIFICATE", **right, **changed})
    assert str(refused.value).startswith(wrong)


def test_an_address_may_ask_in_bursts_and_then_at_its_rate():
    buckets = Buckets(Rate(per_minute=60, burst=3))
    assert [buckets.take("a", now_s=0.0) for _ in range(4)] == [True, True, True, False]
    assert buckets.take("b", now_s=0.0)
    assert [buckets.take("a", now_s=1.0) for _ in range(2)] == [True, False]
    assert [buckets.take("a", now_s=100.0) for _ in range(4)] == [True, True, True, False]


def test_addresses_are_remembered_up_to_a_number():
    buckets = Buckets(Rate(per_minute=1, burst=1, max_addresses=2))
    assert [buckets.take(address, now_s=0.0) for address in "abcab"] == [True, True, True, True, True]
    assert not buckets.take("b", now_s=0.0)


def test_what_a_member_tells_on_its_way_is_outdated_by_what_it_reports_and_a_failure_is_not(enrolment, home):
    claim = enrolment.claim(home, now_s=NOW_S)
    enrolment.note(telling(claim), now_s=NOW_S + 1)
    assert enrolment.member("press-4").news_unix_s == NOW_S + 1
    enrolment.certify(asking(claim), now_s=NOW_S + 2)
    enrolment.note(telling(claim, step="done", state="done"), now_s=NOW_S + 3)
    assert enrolment.member("press-4").news_unix_s == NOW_S + 2
    enrolment.note(telling(claim, step="done", state="failed"), now_s=NOW_S + 4)
    assert enrolment.member("press-4").news_unix_s == NOW_S + 4
