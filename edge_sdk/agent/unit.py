"""The systemd unit of the agent: its own user, a watchdog, limits, and a sandbox that leaves it what it needs.

- `MemoryMax` bounds agent and worker together; the kernel ends the worker first (`OOMPolicy=continue`, oom_score_adj).
- The watchdog hears of the agent's loop: a worker that hangs is the agent's affair, an agent that hangs is systemd's.
- It does not wait for a network: the board works before there is one, and without.
- Cameras, sensors and GPUs are character devices that are named; no other device can be opened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

_TEMPLATE = """\
# Written by `edge-sdk agent install`; it is written anew by the next one.
[Unit]
Description=edge-sdk agent
After=network.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command} agent run --state {folder}
Restart=always
RestartSec=5
WatchdogSec=60
TimeoutStartSec=180
TimeoutStopSec=45
KillMode=mixed
OOMPolicy=continue

User={user}
Group={user}
SupplementaryGroups={groups}
{state}
UMask=0077

{memory}TasksMax=512
LimitNOFILE=4096
LimitCORE=0
Nice={nice}

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome={protect_home}
PrivateTmp=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
DevicePolicy=closed
{devices}

[Install]
WantedBy=multi-user.target
"""
_DEVICES = (
    "char-video4linux rw",
    "char-media rw",
    "char-alsa rw",
    "char-ttyUSB rw",
    "char-ttyACM rw",
    "char-i2c rw",
    "char-iio rw",
    "char-drm rw",
    "char-dma_heap rw",
    "/dev/nvhost-ctrl rw",
    "/dev/nvhost-gpu rw",
    "/dev/nvmap rw",
    "/dev/nvgpu rw",
)
"""Cameras, microphones, serial ports, sensors, and the GPUs of Raspberry Pi and Jetson boards."""
GROUPS = ("video", "render", "audio", "dialout", "i2c", "gpio")
STATE_FOLDER = Path("/var/lib/edge-sdk")
UNIT_PATH = Path("/etc/systemd/system/edge-sdk-agent.service")


@dataclass(frozen=True, slots=True)
class UnitOptions:
    """What the unit says of this board.

    Attributes:
        command: The program, an absolute path.
        folder: The device's folder.
        user: Who runs it; made if it is not there.
        groups: Groups of devices that there are on this board.
        memory_mb: Most memory of agent and worker together, in megabytes (10^6 bytes); 0 sets no bound.
        nice: The scheduling priority, -20 to 19.
    """

    command: Path
    folder: Path = STATE_FOLDER
    user: str = "edge-sdk"
    groups: tuple[str, ...] = field(default=GROUPS)
    memory_mb: int = 0
    nice: int = 0


def unit(options: UnitOptions) -> str:
    """Return the unit as text."""
    is_usual = options.folder == STATE_FOLDER
    memory = f"MemoryMax={options.memory_mb * 1_000_000}\nMemorySwapMax=0\n" if options.memory_mb else ""
    return _TEMPLATE.format(
        command=options.command,
        folder=options.folder,
        user=options.user,
        groups=" ".join(options.groups),
        state=f"StateDirectory={STATE_FOLDER.name}\nStateDirectoryMode=0700"
        if is_usual
        else f"ReadWritePaths={options.folder}",
        memory=memory,
        nice=options.nice,
        protect_home="read-only" if options.command.is_relative_to("/home") else "yes",
        devices="\n".join(f"DeviceAllow={device}" for device in _DEVICES),
    )
