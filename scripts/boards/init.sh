#!/bin/busybox sh
# The first program of an emulated board: mounts the card's second partition, and goes there.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in crc32c_generic virtio_pci virtio_blk ext4; do modprobe "$module" 2>/dev/null; done
tries=0
while [ ! -b /dev/vda2 ] && [ $tries -lt 50 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
mount -t ext4 -o rw,noatime /dev/vda2 /root || echo "board: no root file system"
umount /proc /sys
exec switch_root /root /sbin/init
