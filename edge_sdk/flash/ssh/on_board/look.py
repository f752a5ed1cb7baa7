"""Tells what a board is, without changing it: run there by `edge_sdk.flash.ssh.probe`.

Asked with `{"only": "installed"}`, it tells what of edge-sdk is there, and nothing else.
"""

import base64
import json
import os
import platform
import pwd
import re
import struct
import subprocess
import sys
import time
from pathlib import Path

TREES = (Path("/sys/firmware/devicetree/base"), Path("/proc/device-tree"))
MARKS = (
    "model",
    "compatible",
    "chosen/ids",
    "chosen/plugin-manager/ids",
    "nvidia,boardids",
    "nvidia,proc-boardid",
    "nvidia,dtsfilename",
)
LOADERS = (Path("/lib/ld-linux-armhf.so.3"), Path("/lib/ld-linux-aarch64.so.1"))
KIT = Path("/opt/edge-sdk/kit")
STATUS = Path("/opt/edge-sdk/boot/status.json")
PROGRAM = "/opt/edge-sdk/current/bin/edge-sdk"
UNITS = Path("/etc/systemd/system")
AGENT, FIRST_BOOT = UNITS / "edge-sdk-agent.service", UNITS / "edge-sdk-first-boot.service"
MAX_BYTES = 1 << 16
MAX_KIT_BYTES = 1 << 20
LIST_ONNXRUNTIME = """
import json, site
from importlib import metadata
found = [[d.metadata["Name"], d.version, str(d.locate_file(""))] for d in metadata.distributions()
         if (d.metadata["Name"] or "").lower().replace("_", "-").startswith("onnxruntime")]
print(json.dumps(found))
"""
TRY_ONNXRUNTIME = """
import json, onnxruntime
print(json.dumps([onnxruntime.__version__, onnxruntime.get_available_providers()]))
"""


def read(path: "Path", max_bytes: "int" = MAX_BYTES) -> "bytes":
    """Return the beginning of a file; empty where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(max_bytes)
    except OSError:
        return b""


def run(command: "list[str]", seconds: "float" = 30.0) -> "tuple[int, bytes, str]":
    """Return the status (127 without the program), the output and the errors of a program."""
    try:
        done = subprocess.run(  # noqa: S603  programs of the system
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=seconds,
            check=False,
        )
    except OSError as exc:
        return 127, b"", str(exc)
    except subprocess.TimeoutExpired:
        return 124, b"", f"no end within {seconds:g} s"
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


def marks() -> "dict[str, object]":
    """Return the files by which a board is told: bytes in base64, or the names in a folder."""
    tree = next((tree for tree in TREES if tree.is_dir()), TREES[-1])
    found = {}  # type: dict[str, object]
    for name in MARKS:
        path = tree / name
        if path.is_dir():
            found["proc/device-tree/" + name] = sorted(entry.name for entry in path.iterdir())[:100]
        elif path.exists():
            found["proc/device-tree/" + name] = base64.b64encode(read(path)).decode()
    found["proc/cpuinfo"] = base64.b64encode(read(Path("/proc/cpuinfo"))).decode()
    found.update({str(path)[1:]: "" for path in LOADERS if path.exists()})
    return found


def system() -> "dict[str, str]":
    """Return /etc/os-release as a table."""
    lines = read(Path("/etc/os-release")).decode("utf-8", "replace").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name: value.strip().strip("\"'") for name, _, value in pairs}


def rights() -> "tuple[str, str]":
    """Return how to be root (root, sudo, password, none), and what sudo said."""
    if os.geteuid() == 0:
        return "root", ""
    status, _, said = run(["sudo", "-n", "true"])
    if status == 0:
        return "sudo", ""
    return ("password" if "password" in said or "askpass" in said else "none"), said.strip()[-300:]


def free(path: "Path") -> "int":
    """Return what a program of root could write below a path."""
    while not path.exists():
        path = path.parent
    disk = os.statvfs(str(path))
    return disk.f_bavail * disk.f_frsize


def glibc() -> "str":
    """Return the version of the C library; empty where it is another than glibc."""
    try:
        name, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
    except (ValueError, OSError):
        return ""
    return version if name == "glibc" else ""


def onnxruntimes() -> "dict[str, object]":
    """Return the builds of onnxruntime that the system's Python sees, what it imports, and those of this user alone."""
    answers = {}  # type: dict[str, object]
    for name, flag, program in (("system", "-s", LIST_ONNXRUNTIME), ("all", "-B", LIST_ONNXRUNTIME)):
        status, out, _ = run([sys.executable, flag, "-c", program])
        answers[name] = json.loads(out.decode()) if status == 0 else []
    answers["imported"], answers["error"] = [], ""
    if answers["system"]:
        status, out, said = run([sys.executable, "-s", "-c", TRY_ONNXRUNTIME], 120.0)
        if status == 0:
            answers["imported"] = json.loads(out.decode().splitlines()[-1])
        else:
            answers["error"] = (said.strip().splitlines() or [f"status {status}"])[-1][-300:]
    return answers


def nvidia() -> "dict[str, str]":
    """Return the release of Linux for Tegra and of JetPack, as far as they are told."""
    versions = {}
    for package in ("nvidia-l4t-core", "nvidia-jetpack"):
        status, out, _ = run(["dpkg-query", "-W", "-f", "${Version}", package])
        versions[package] = out.decode("utf-8", "replace").strip() if status == 0 else ""
    return {
        "release": read(Path("/etc/nv_tegra_release"), 200).decode("utf-8", "replace").split("\n")[0],
        "l4t": versions["nvidia-l4t-core"],
        "jetpack": versions["nvidia-jetpack"],
    }


def installed(sudo: "bool") -> "dict[str, object]":
    """Return what of edge-sdk is there: the kit's record, how far its first boot came, the agent's state."""
    unit = read(AGENT).decode("utf-8", "replace")
    program = (re.findall(r"^ExecStart=(/\S+)", unit, re.MULTILINE) or [PROGRAM])[0]
    status, out = 127, b""
    if Path(program).exists():
        # as the agent's own user: what root would make in its folder, the agent could not write
        user = (re.findall(r"^User=([a-z_][a-z0-9_-]*)$", unit, re.MULTILINE) or ["root"])[0]
        become = ["sudo", "-n", "-u", user, "--"] if sudo else ["runuser", "-u", user, "--"]
        status, out, _ = run([*become, program, "agent", "status", "--json"], 60.0)
    # the kit that counts may be a card's, which the unit names
    kit = re.findall(r"^RequiresMountsFor=((?:/[A-Za-z0-9._-]+)+)$", read(FIRST_BOOT).decode("utf-8", "replace"), re.M)
    folder = Path(kit[0]) if kit else KIT
    return {
        "folder": str(folder),
        "kit": read(folder / "kit.json", MAX_KIT_BYTES).decode("utf-8", "replace"),
        "status": read(STATUS).decode("utf-8", "replace"),
        "agent": out.decode("utf-8", "replace")[:MAX_KIT_BYTES] if status == 0 else "",
    }


def look() -> "dict[str, object]":
    """Return all that there is to tell."""
    how, sudo_said = rights()
    return {
        "now_unix_s": time.time(),
        "system": system(),
        "machine": platform.machine(),
        "bits": struct.calcsize("P") * 8,
        "python": platform.python_version(),
        "has_venv": Path(os.__file__).with_name("venv").is_dir(),
        "glibc": glibc(),
        "has_systemd": Path("/run/systemd/system").is_dir(),
        "user": pwd.getpwuid(os.geteuid()).pw_name,
        "rights": how,
        "sudo_said": sudo_said,
        "free_opt_bytes": free(Path("/opt")),
        "free_var_bytes": free(Path("/var/lib")),
        "marks": marks(),
        "nvidia": nvidia(),
        "onnxruntime": onnxruntimes(),
        "installed": installed(how == "sudo"),
    }


if __name__ == "__main__":
    request = json.loads(sys.stdin.buffer.readline().decode())
    print(json.dumps(installed(rights()[0] == "sudo") if request.get("only") == "installed" else look()))
