#!/bin/sh
# Makes this board what the kit beside this file says, from now on and at every boot: docs/decisions/0050-first-boot.md.
# It is called at every boot and early (cloud-init), in a boot that ends with another one (systemd.run), or over SSH: it
# waits for nothing, and what is there already is not done again. Of two kits on a board the newer one counts.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=${EDGE_SDK_ROOT:-} # a folder that stands for the board, for tests
boot=$root/opt/edge-sdk/boot
units=$root/etc/systemd/system
unit=edge-sdk-first-boot.service

made() {
    sed -n 's/.*"made_unix_s": *\([0-9]\{1,12\}\).*/\1/p' "$1/kit.json" 2>/dev/null | head -n 1
}

# put FROM TO: the same bytes, whole or not at all; fails if they are there already.
put() {
    cmp -s "$1" "$2" && return 1
    cp "$1" "$2.new"
    sync
    mv "$2.new" "$2"
    sync
}

fail() {
    printf '{"schema": 1, "kit": "", "step": "check", "state": "failed", "reason": "%s", "at_unix_s": %s, "steps": {}}\n' \
        "$1" "$(date +%s)" >"$here/status.json" || :
    printf 'error: first boot: %s\n' "$1" >&2
    exit 5
}

there=$(sed -n 's/^RequiresMountsFor=//p' "$units/$unit" 2>/dev/null || :)
if [ -n "$there" ] && [ "$(made "$here")" -lt "$(made "$there" || :)" ] 2>/dev/null; then
    if [ -e "$here/recover" ]; then
        : >"$there/recover"
        rm -f "$here/recover"
    fi
    here=$there
fi
[ -f "$here/kit.json" ] || fail 'kit: expected a whole one, got one that was cut off'
python=$(command -v python3) || fail 'python3: expected one on this system, got none'

mkdir -p "$boot" "$units/multi-user.target.wants"
put "$here/first_boot.pyz" "$boot/first_boot.pyz" || :
cat >"$boot/unit" <<EOF
# Written by the start.sh of a kit of edge-sdk.
[Unit]
Description=edge-sdk: make this board what its kit says
RequiresMountsFor=$here
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=$python /opt/edge-sdk/boot/first_boot.pyz --kit $here
Restart=on-failure
RestartSec=30
StandardOutput=journal+console

[Install]
WantedBy=multi-user.target
EOF
if put "$boot/unit" "$units/$unit"; then
    systemctl daemon-reload
fi
ln -sf "../$unit" "$units/multi-user.target.wants/$unit"

# A boot that ends with another one is no time to begin: systemd-run-generator(8).
grep -qs 'systemd\.run=' "$root/proc/cmdline" || systemctl start --no-block "$unit"
