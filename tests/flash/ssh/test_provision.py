from __future__ import annotations

import os
from dataclasses import replace

import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.files import sha256_hex
from edge_sdk.flash.ssh.address import Address
from edge_sdk.flash.ssh.connection import Connection
from edge_sdk.flash.ssh.probe import probe, read_installed
from edge_sdk.flash.ssh.provision import provision, provision_board, recover
from tests.flash.ssh.parcels import small_parcel

LIST = "cd /opt/edge-sdk/kit && find . -type f -printf '%m %u %s %P\\n' | sort -k4"


def flash(there, parcel, **options):
    """Provision over the connection that is there, by what the board was; return the outcome and what was told."""
    connection, found = there
    told: list[str] = []
    found = replace(found, installed=read_installed(connection))
    return provision_board(connection, found, parcel, told.append, **options), told


@pytest.fixture(scope="module")
def _there(_running):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{_running.programs}:{os.environ['PATH']}")
        with Connection(Address.parse(_running.url)) as connection:
            yield connection, probe(connection)


@pytest.fixture
def there(board, _there):
    """A login on the board, and what the board is."""
    assert board.url == str(_there[0].address)
    return _there


def test_a_board_gets_its_kit_and_is_done(there, board):
    parcel = small_parcel(secrets={"claim.json": b"a secret"})
    outcome, told = flash(there, parcel)
    assert outcome.is_done
    assert (outcome.was, outcome.sent_files, outcome.device) == ("nothing", 6, "press-4")
    assert outcome.kit == parcel.kit.digest
    assert told[0].startswith("sending 6 of 6 files")
    assert told[-1] == 'done: done ({"claim.json": "600"})'
    rows = [line.split() for line in board.do(LIST).splitlines()]
    assert {(mode, owner) for mode, owner, _, _ in rows} == {("644", "root")}
    assert [name for *_, name in rows] == sorted([*parcel.contents, "kit.json"])
    assert board.do("cat /opt/edge-sdk/kit/kit.json").encode() == parcel.kit.to_json()
    assert board.do("cat /var/lib/edge-first-boot").splitlines() == ["--kit /opt/edge-sdk/kit --once", "started"]


def test_the_same_again_sends_nothing_and_changes_nothing(there, board):
    flash(there, small_parcel())
    before = board.do("find /opt/edge-sdk -printf '%p %i %T@\\n' | sort")
    outcome, told = flash(there, small_parcel())
    assert (outcome.was, outcome.sent_files, outcome.sent_bytes, outcome.is_done) == ("this kit", 0, 0, True)
    assert told == ["the kit is there already", "done already"]
    assert board.do("find /opt/edge-sdk -printf '%p %i %T@\\n' | sort") == before


def test_an_upgrade_sends_what_differs_and_removes_what_is_left_over(there, board):
    flash(there, small_parcel())
    board.do("echo old > /opt/edge-sdk/kit/wheels/old-1.whl; echo hers > /opt/edge-sdk/agent.state")
    newer = small_parcel(package=b"a newer package")
    outcome, _ = flash(there, newer)
    assert (outcome.was, outcome.sent_files, outcome.is_done) == ("another kit", 1, True)
    assert board.do("cat /opt/edge-sdk/kit/tiny-7.edge") == "a newer package"
    assert "old-1.whl" not in board.do(LIST)
    assert board.do("cat /opt/edge-sdk/agent.state") == "hers\n"


def test_a_user_with_sudo_does_the_same(board):
    outcome = provision(board.url.replace("root@", "boarder@"), lambda _: small_parcel(), lambda _: None)
    assert outcome.is_done
    assert "boarder" not in board.do(LIST)


@pytest.mark.parametrize(
    ("mode", "message", "hint"),
    [
        ("password", "expected sudo without a password for boarder, got one that asks for it", "NOPASSWD"),
        ("refused", "expected a user that may become root, got boarder: boarder is not in the sudoers", "ssh://USER@"),
    ],
)
def test_who_cannot_become_root_is_told_what_to_type_and_changes_nothing(board, mode, message, hint):
    board.do(f"echo {mode} > /etc/edge-sudo")
    with pytest.raises(UnavailableError) as caught:
        provision(board.url.replace("root@", "boarder@"), lambda _: small_parcel(), lambda _: None)
    assert message in str(caught.value)
    assert hint in caught.value.hint
    assert board.do("ls /opt").count("edge-sdk") == 0


def test_a_cut_leaves_no_kit_and_the_next_time_goes_on_from_there(there, board):
    big = bytes(range(256)) * 20_000
    parcel = small_parcel(package=big)
    with pytest.raises(InputError, match=r"expected a readable file"):
        flash(there, _cut(parcel, board.folder / "begin", big[:3_000_000]))
    assert "kit.json" not in board.do(LIST)
    outcome, _ = flash(there, parcel)
    assert outcome.is_done
    assert outcome.sent_bytes < parcel.size_bytes - 2_000_000
    assert board.do("sha256sum < /opt/edge-sdk/kit/tiny-7.edge").split()[0] == sha256_hex(big)
    assert board.do("ls -A /opt/edge-sdk/kit").count(".parts") == 0


def test_a_beginning_that_is_wrong_is_found_and_sent_anew(there, board):
    parcel = small_parcel(package=b"x" * 1000)
    with pytest.raises(InputError):
        flash(there, _cut(parcel, board.folder / "wrong", b"y" * 600))
    with pytest.raises(UnavailableError, match="expected SHA-256"):
        flash(there, parcel)
    assert "kit.json" not in board.do(LIST)
    assert flash(there, parcel)[0].is_done


def test_a_failed_step_is_the_outcome(there):
    steps = (("check", "done", ""), ("model", "doing", ""), ("model", "failed", "golden: expected 30 dB, got 3"))
    outcome, _ = flash(there, small_parcel(steps=steps))
    assert not outcome.is_done
    assert (outcome.step, outcome.state, outcome.reason) == ("model", "failed", "golden: expected 30 dB, got 3")


def test_a_first_boot_that_dies_is_told(there):
    parcel = small_parcel(steps="x")  # unpacks nothing
    with pytest.raises(UnavailableError, match="first boot: expected its steps, got ValueError"):
        flash(there, parcel)


def test_another_name_is_refused_unless_it_is_asked_for(there, board):
    flash(there, small_parcel(device="press-3"))
    with pytest.raises(InputError) as caught:
        flash(there, small_parcel(device="press-4"))
    assert "expected press-4 or a board without a name, got press-3" in str(caught.value)
    assert '"press-3"' in board.do("grep device /opt/edge-sdk/kit/kit.json")
    assert flash(there, small_parcel(device="press-4"), may_rename=True)[0].is_done


def test_a_folder_that_others_write_is_not_used(there, board):
    board.do("mkdir -m 777 /opt/edge-sdk")
    with pytest.raises(UnavailableError, match="/opt/edge-sdk: expected a folder that root alone writes, got another"):
        flash(there, small_parcel())
    assert board.do("ls -A /opt/edge-sdk") == ""


def test_two_deliveries_do_not_mix(there, board):
    flash(there, small_parcel())
    other = board.do("flock -o /opt/edge-sdk/.delivery sleep 60 >/dev/null 2>&1 & echo $!")
    with pytest.raises(UnavailableError, match="expected no other delivery, got one"):
        flash(there, small_parcel(package=b"another"))
    board.do(f"kill {other}")
    assert flash(there, small_parcel(package=b"another"))[0].is_done


def test_recovery_runs_the_kit_that_is_there(there, board):
    with pytest.raises(UnavailableError, match="expected a kit to go back to, got none"):
        recover(board.url, lambda _: None)
    flash(there, small_parcel(device="press-3"))
    outcome = recover(board.url, lambda _: None)
    assert (outcome.device, outcome.is_done, outcome.sent_files) == ("press-3", True, 0)
    assert "--kit /opt/edge-sdk/kit --once --recover" in board.do("cat /var/lib/edge-first-boot")


def test_recovery_runs_the_kit_of_a_card(there, board):
    flash(there, small_parcel())
    board.do(
        "mkdir -p /boot/firmware && mv /opt/edge-sdk/kit /boot/firmware/edge-sdk && mkdir -p /etc/systemd/system && "
        "echo RequiresMountsFor=/boot/firmware/edge-sdk > /etc/systemd/system/edge-sdk-first-boot.service"
    )
    assert recover(board.url, lambda _: None).is_done
    assert "--kit /boot/firmware/edge-sdk --once --recover" in board.do("cat /var/lib/edge-first-boot")
    board.do("rm -r /boot/firmware/edge-sdk /etc/systemd/system/edge-sdk-first-boot.service")


def _cut(parcel, path, begin):
    """A kit whose package cannot be read to its end: what is sent stops in the middle of it."""
    path.write_bytes(begin)

    class Cut(type(path)):
        def open(self, mode="r"):
            return _Failing(path.open(mode))

    return replace(parcel, contents={**parcel.contents, "tiny-7.edge": Cut(path)})


class _Failing:
    def __init__(self, file):
        self._file = file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def seek(self, begin):
        self._file.seek(begin)

    def read(self, size_bytes):
        piece = self._file.read(size_bytes)
        if not piece:
            raise OSError(5, "Input/output error")
        return piece
