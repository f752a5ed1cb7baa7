"""Kits for tests of how they travel: real files and records, with a first boot that only tells and notes."""

from __future__ import annotations

import io
import platform
import subprocess
import zipfile
from dataclasses import replace

from edge_sdk.flash.kit import Kit, KitFile, Parcel

FIRST_BOOT = """
import json, sys
from pathlib import Path
kit = Path(sys.argv[sys.argv.index("--kit") + 1])
boot = Path("/opt/edge-sdk/boot")
boot.mkdir(exist_ok=True)
with open("/var/lib/edge-first-boot", "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
secrets = {name: oct((kit / name).stat().st_mode)[-3:] for name in ("claim.json", "wifi.json") if (kit / name).exists()}
for name in secrets:
    (kit / name).unlink()
record = (kit / "kit.json").read_text()
done = boot / "done"
if done.exists() and done.read_text() == record and not secrets and "--recover" not in sys.argv:
    sys.exit(0)
print("some other program talks", flush=True)
for step, state, reason in STEPS:
    said = {"step": step, "state": state, "reason": reason or json.dumps(secrets)}
    print(json.dumps(said), flush=True)
(boot / "status.json").write_text(json.dumps({"schema": 1, "kit": "", **said, "at_unix_s": 0, "steps": {}}))
done.write_text(record)
"""
WELL = (("check", "doing", ""), ("check", "done", ""), ("done", "done", ""))


def small_parcel(*, device="press-4", steps=WELL, package=b"a package", secrets=None, **changed) -> Parcel:
    """Return a kit of some hundred bytes for this machine."""
    contents = {
        "first_boot.pyz": _program(FIRST_BOOT.replace("STEPS", repr(steps))),
        "start.sh": b"echo started >> /var/lib/edge-first-boot\n",
        "tiny-7.edge": package,
        "agent.toml": b'sources = ["camera:0"]\n',
        "wheels/a-1.whl": b"a wheel",
        "wheels/b-1.whl": b"a wheel",
    }
    described = tuple(KitFile.of(name, data) for name, data in contents.items())
    secrets = secrets or {}
    python = subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    kit = Kit(
        device=device,
        hostname="",
        profile="x86-64-avx2" if platform.machine() == "x86_64" else "arm64",
        arch=platform.machine(),
        python=python,
        glibc="2.28",
        package="tiny-7.edge",
        package_sha256=described[2].sha256,
        model_sha256="0" * 64,
        keeps=(),
        made_unix_s=1_700_000_000,
        needs_bytes=1000,
        files=described,
        secrets=tuple(secrets),
    )
    return Parcel(replace(kit, **changed), contents, secrets)


def _program(text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py"), text)
    return packed.getvalue()
