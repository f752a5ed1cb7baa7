#!/bin/busybox sh
# The first program of the emulated machine. Its root is the host's, read-only, under a layer in memory; it loads the
# modules that `modules=` of the kernel's command line names, and runs `program=` in the folder `folder=`.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
/bin/busybox mkdir -p /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
word() { sed -n "s/.*lab\.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
for module in virtio_pci 9pnet_virtio 9p overlay; do modprobe "$module"; done
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /host
mount -t tmpfs over /over
mkdir /over/upper /over/work /over/root
mount -t overlay -o lowerdir=/host,upperdir=/over/upper,workdir=/over/work overlay /over/root
for folder in proc sys dev; do mount --bind /$folder /over/root/$folder; done
mount -t tmpfs run /over/root/run
word modules | tr ';' '\n' | while read -r module; do
    # shellcheck disable=SC2046  # a module and its parameters
    modprobe $(echo "$module" | tr '+' ' ') || echo "lab: no module $module"
done
chroot /over/root /bin/sh -c "cd $(word folder) && exec $(word program | tr '+' ' ')"
echo "lab: ended with $?"
poweroff -f
