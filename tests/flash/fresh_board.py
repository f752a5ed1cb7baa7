"""A board in a folder: its root file system, its boot partition, and stand-ins for the programs of its system.

What makes an environment is real: Python's venv, pip out of a wheel, wheels with digests. `edge-sdk` in it is small
and does as it is told; `systemctl` starts what a unit names.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
import zipfile
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path

import pip

from edge_sdk.files import sha256_hex
from edge_sdk.flash.board_program import program, start_script
from edge_sdk.flash.kit import Kit, KitFile
from edge_sdk.flash.kit_folder import write_kit

MADE_UNIX_S = 1_790_000_000
QUICK_PYTHON = (os.path.realpath(sys.executable), "-S", "-E")
"""The Python of this system, as a board has it, without what is installed here."""
TOKEN = "t" * 43
WIFI = {"ssid": 'Werk "7"', "psk": "0a" * 32, "country": "DE", "hidden": True}
LOGIN = {"user": "ada", "ssh_keys": ["ssh-ed25519 AAAA ada@laptop"]}
_CUT = Path(__file__).with_name("cut.py")
_LOGGED = ["hostname", "raspi-config", "iw", "rfkill", "nmcli", "netplan", "ssh-keygen", "cancel-rename"]
_STAND_INS = {
    "sync": "",
    "date": '[ "$1" = -u ] || exec /bin/date "$@"\n',
    "useradd": """for name; do :; done
echo "$name:x:$(id -u):$(id -g)::/home/$name:/bin/bash" >>$BOARD/etc/passwd
mkdir -p $BOARD/home/$name
""",
    "systemctl": """unit=$BOARD/etc/systemd/system/edge-sdk-agent.service
up=$BOARD/run/agent
case "$1" in
is-active) [ -e $up ] ;;
show) echo NRestarts=$(cat $BOARD/run/restarts 2>/dev/null) ;;
stop) [ "$2" != edge-sdk-agent.service ] || rm -f $up ;;
restart)
    rm -f $up
    $(sed -n 's/^ExecStart=//p' $unit) && touch $up
    ;;
esac
""",
}
_EDGE_SDK = """
import json, os, pathlib, sys
VERSION, PROFILE = {version!r}, "raspberry-pi-5"
board = pathlib.Path(os.environ["BOARD"])

def fault(name):
    path = board / "faults" / name
    if path.exists():
        code, times, said = json.loads(path.read_text())
        path.unlink() if times == 1 else path.write_text(json.dumps([code, times - 1, said]))
        sys.stderr.write(said + "\\n")
        sys.exit(code)

def option(name):
    return pathlib.Path(sys.argv[sys.argv.index(name) + 1])

def profile(name):
    return {{"name": name, "detection": {{"any_board": name.startswith("arm64")}}}}

def main():
    words = [word for word in sys.argv[1:3] if not word.startswith("--")]
    with (board / "log").open("a") as log:
        log.write(f"edge-sdk {{VERSION}} {{' '.join(sys.argv[1:])}}\\n")
    fault(f"{{VERSION}} {{' '.join(words)}}")
    if words == ["profiles", "detect"]:
        found = (board / "board").read_text() if (board / "board").exists() else PROFILE
        print(json.dumps({{"profile": profile(found)}}))
    elif words == ["profiles", "show"]:
        print(json.dumps(profile(sys.argv[3])))
    elif words == ["agent", "install"]:
        start = f"{{option('--program')}} agent run --state {{option('--state')}}"
        (board / "etc/systemd/system/edge-sdk-agent.service").write_text(f"# {{VERSION}}\\nExecStart={{start}}\\n")
        (option("--state") / "factory").write_bytes(option("--package").read_bytes())
    elif words == ["agent", "run"]:
        (board / "run/version").write_text(VERSION)
        (board / "run/is-member").write_text(str((option("--state") / "identity").exists()))
    elif words == ["agent", "enroll"]:
        (option("--state") / "identity").write_bytes(pathlib.Path(sys.argv[3]).read_bytes())
        pathlib.Path(sys.argv[3]).unlink()
"""
_QUICK_PIP = """
import hashlib, os, pathlib, sys, sysconfig, zipfile
arguments, site = sys.argv, pathlib.Path(sysconfig.get_path("purelib"))
wheels = pathlib.Path(arguments[arguments.index("--find-links") + 1])
for line in pathlib.Path(arguments[arguments.index("-r") + 1]).read_text().splitlines():
    name, wanted = line.split("==")[0], line.split("sha256:")[1]
    path = next(wheels.glob(f"{name}-*.whl"))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == wanted
    with zipfile.ZipFile(path) as archive:
        archive.extractall(site)
        entry = next(file for file in archive.namelist() if file.endswith("entry_points.txt"))
        command, module = archive.read(entry).decode().splitlines()[1].split(" = ")
    if os.path.exists(os.environ["BOARD"] + "/faults/pip"):
        sys.exit("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device")
    program = pathlib.Path(sys.executable).with_name(command)
    module = module.split(":")[0]
    lines = f"#!{sys.executable} -SE", f"import sys; sys.path.append('{site}')", f"import {module}; {module}.main()"
    program.write_text("\\n".join(lines))
    program.chmod(0o755)
"""


def wheel(folder: Path, name: str, version: str, contents: dict[str, bytes], entry: str = "") -> Path:
    """Write a wheel of pure Python."""
    info = f"{name}-{version}.dist-info"
    contents = {
        **contents,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **({f"{info}/entry_points.txt": f"[console_scripts]\n{entry}\n".encode()} if entry else {}),
    }
    record = "".join(f"{file},sha256={_base64(data)},{len(data)}\n" for file, data in contents.items())
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, data in {**contents, f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()}.items():
            archive.writestr(zipfile.ZipInfo(file), data)
    return path


def pip_wheel(folder: Path) -> Path:
    """Write a wheel of the pip that is here: it takes seconds, and is right for one test."""
    source = Path(pip.__file__).parent
    contents = {
        str(path.relative_to(source.parent)): path.read_bytes()
        for path in sorted(source.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    return wheel(folder, "pip", pip.__version__, contents)


def quick_pip_wheel(folder: Path) -> Path:
    """Write a wheel of a pip that is quick: it compares digests, unpacks, and writes programs."""
    return wheel(folder, "pip", "1.0", {"pip/__main__.py": _QUICK_PIP.encode(), "pip/__init__.py": b""})


def edge_sdk_wheel(folder: Path, version: str) -> Path:
    """Write a wheel with a program `edge-sdk` that does as it is told."""
    module = _EDGE_SDK.format(version=version).encode()
    return wheel(folder, "edge_sdk", version, {"edge_stand_in.py": module}, "edge-sdk = edge_stand_in:main")


@dataclass
class Board:
    """A board whose file system is a folder."""

    folder: Path
    pip: Path

    def __post_init__(self) -> None:
        for name in ("etc/systemd/system", "etc/ssh", "run", "faults", "home", "usr/sbin", "boot/firmware"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
        (self.root / "etc/group").write_text("root:x:0:\nsudo:x:27:\nvideo:x:44:\n")
        self.bin.mkdir()
        self.environment = {
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "BOARD": str(self.root),
            "EDGE_SDK_ROOT": str(self.root),
        }
        for name, script in {**dict.fromkeys(_LOGGED, ""), **_STAND_INS}.items():
            stand_in = self.bin / name
            stand_in.write_text(f'#!/bin/sh\necho "{name} $*" >>$BOARD/log\n{script}')
            stand_in.chmod(0o755)

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def kit(self) -> Path:
        return self.root / "boot/firmware/edge-sdk"

    @property
    def opt(self) -> Path:
        return self.root / "opt/edge-sdk"

    def give(
        self,
        version: str = "1.0",
        *,
        secrets: dict[str, object] | None = None,
        login: dict[str, object] | None = None,
        **fields: object,
    ) -> Kit:
        """Put a kit with a version of edge-sdk on the boot partition."""
        wheel = edge_sdk_wheel(self.folder, version)
        needed = f"edge_sdk=={version} --hash=sha256:{_sha256(wheel)}\n"
        contents: dict[str, bytes | Path] = {
            "start.sh": start_script(),
            "first_boot.pyz": program(),
            "requirements.txt": needed.encode(),
            "tiny-1.edge": f"a package of {version}".encode(),
            "agent.toml": f'sources = ["camera:{version}"]\n'.encode(),
            **{f"wheels/{path.name}": path for path in (self.pip, wheel)},
            **({"login.json": json.dumps(login).encode()} if login else {}),
        }
        given = {name: json.dumps(data).encode() for name, data in (secrets or {}).items()}
        kit = Kit(
            **{
                **_system(),
                "package_sha256": sha256_hex(contents["tiny-1.edge"]),
                "files": tuple(KitFile.of(name, content) for name, content in contents.items()),
                "secrets": tuple(given),
                **fields,
            }
        )
        write_kit(self.kit, kit, contents, given)
        return kit

    def fault(self, command: str, code: int, *, times: int = -1, said: str = "error: it: expected X, got Y") -> None:
        """Let a command of one version fail, so many times."""
        (self.root / "faults" / command).write_text(json.dumps([code, times, said]))

    def run(self, *arguments: str, cut: tuple[str, int] | None = None) -> subprocess.CompletedProcess[str]:
        """Run the first boot to its end, or kill it with its children at the n-th doing that a pattern fits."""
        started = self.start(*arguments, cut=cut)
        out, error = started.communicate(timeout=60)
        return subprocess.CompletedProcess(started.args, started.returncode, out, error)

    def start(self, *arguments: str, cut: tuple[str, int] | None = None) -> subprocess.Popen[str]:
        """Start the first boot in a process group of its own; `--once`, which is quicker, if nothing else is said."""
        program = [str(self.kit / "first_boot.pyz"), "--kit", str(self.kit), "--root", str(self.root)]
        before = [str(_CUT), cut[0], str(cut[1])] if cut else []
        return subprocess.Popen(
            [*QUICK_PYTHON, *before, *program, "--settle-s", "0", *(arguments or ("--once",))],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def status(self) -> dict[str, object]:
        return json.loads((self.opt / "boot/status.json").read_text())

    @property
    def log(self) -> str:
        path = self.root / "log"
        return path.read_text() if path.exists() else ""

    @property
    def runs(self) -> str:
        """The version that the agent's service runs; empty if it does not."""
        return (self.root / "run/version").read_text() if (self.root / "run/agent").exists() else ""

    def current_works(self) -> bool:
        """Whether `current` leads nowhere yet, or to an environment that answers."""
        program = self.opt / "current/bin/edge-sdk"
        if not (self.opt / "current").is_symlink():
            return True
        return subprocess.run([program, "--version"], env=self.environment, check=False).returncode == 0


def claim(server: str = "https://127.0.0.1:9", ca: str = "-----BEGIN none") -> dict[str, object]:
    """Return a claim as the fleet makes it."""
    home = {"fleet": "f", "device": "cam-1", "broker": "mqtts://127.0.0.1:9", "server": server, "ca": ca, "root": "{}"}
    return {"schema": 1, "home": home, "token": TOKEN, "expires_unix_s": 1_900_000_000}


def kill(started: subprocess.Popen[str]) -> None:
    """Cut the power of a first boot that was started."""
    os.killpg(started.pid, signal.SIGKILL)
    started.communicate()


def _system() -> dict[str, object]:
    return {
        "device": "cam-1",
        "hostname": "cam-1",
        "profile": "raspberry-pi-5",
        "arch": platform.machine(),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "glibc": "2.17",
        "package": "tiny-1.edge",
        "model_sha256": sha256_hex(b"a model"),
        "keeps": (),
        "made_unix_s": MADE_UNIX_S,
        "needs_bytes": 1_000_000,
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
