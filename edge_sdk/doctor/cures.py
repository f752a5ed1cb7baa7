"""What helps when a library cannot be imported, by what it complained of: known plagues of boards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

HANG = "look at that place: a network folder, a lock of another process, or a device that does not answer"
_HEADLESS = (
    "pip uninstall -y opencv-python opencv-contrib-python && pip install --force-reinstall opencv-python-headless"
)
_BY_COMPLAINT: tuple[tuple[str, str], ...] = (
    (r"lib(GL|EGL|Xext|X11|SM|ICE|xcb)[-.\w]*\.so", f"{_HEADLESS} (it needs no display)"),
    (r"lib(glib|gthread)-2\.0\.so", "sudo apt install libglib2.0-0"),
    (r"libgomp.*static TLS", "export LD_PRELOAD=$(find / -name 'libgomp.so.1*' 2>/dev/null | head -1)"),
    (r"lib(cudart|cublas|cudnn|nvinfer|cufft|curand|nvonnxparser)\w*\.so", "sudo apt install nvidia-jetpack"),
    (r"lib(open)?(blas|cblas|atlas)\w*\.so", "sudo apt install libopenblas0"),
    (r"(?i)portaudio", "sudo apt install libportaudio2"),
    (r"GLIBC(XX)?_[\d.]+' not found", "take an older version of it, or a newer system: this wheel was built for one"),
    (r"_ARRAY_API|multiarray|NumPy 1\.x|dtype size changed", 'pip install "numpy<2", or a newer version of it'),
    (r"cannot enable executable stack", "pip install --upgrade {package}"),
    (r"wrong ELF class|invalid ELF header", "pip install --force-reinstall --no-cache-dir {package}"),
    (r"No module named 'libcamera'", "make the virtual environment with --system-site-packages: libcamera is apt's"),
    (r"(?i)no space left", "free some space: df -h"),
)
"""Complaint and cure; the first that fits is told."""
_SHARED = re.compile(r"(lib[-\w.+]+\.so[.\d]*): cannot open shared object")
_PACKAGES: Mapping[str, str] = {"cv2": "opencv-python-headless", "serial": "pyserial", "paho.mqtt": "paho-mqtt"}
_SIGNALS: Mapping[str, tuple[str, str]] = {
    "SIGILL": (
        "its wheel uses instructions that this processor does not have",
        'pip install "{package}!={version}", or the build of the board\'s maker',
    ),
    "SIGSEGV": (
        "it, or a library that it loads, is broken or of another version",
        "pip install --force-reinstall --no-cache-dir {package}",
    ),
    "SIGBUS": ("a file of it is cut short, or the disk fails", "pip install --force-reinstall {package}; dmesg | tail"),
    "SIGKILL": ("most likely the kernel, for memory", "free memory or add swap: free -h; sudo dmesg | grep -i oom"),
    "SIGABRT": ("it gave up itself", "pip install --force-reinstall --no-cache-dir {package}"),
}


def package_of(module: str) -> str:
    """Return what installs a module."""
    return _PACKAGES.get(module, module)


def of_import(module: str, complaint: str) -> str:
    """Return the cure for what an import complained of."""
    package = package_of(module)
    for pattern, cure in _BY_COMPLAINT:
        if re.search(pattern, complaint):
            return cure.format(package=package)
    if shared := _SHARED.search(complaint):
        return f"sudo apt install apt-file && sudo apt-file update && apt-file search {shared[1]}"
    return f"pip install --force-reinstall {package}"


def meaning(signal: str) -> str:
    """Return what a death by a signal means; empty where that is not known."""
    return f": {_SIGNALS[signal][0]}" if signal in _SIGNALS else ""


def of_signal(module: str, signal: str) -> str:
    """Return the cure for a death by a signal."""
    cure = _SIGNALS[signal][1] if signal in _SIGNALS else "pip install --force-reinstall --no-cache-dir {package}"
    package = package_of(module)
    return cure.format(package=package, version=_version(package))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # another package brought the module
        return "0"
