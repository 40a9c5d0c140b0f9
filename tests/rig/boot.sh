#!/bin/sh
# The first process of one machine of the rig: builds its file system, then only reaps processes.
# Arguments: a mount point, the layers below (lowerdir), then binds as FROM:TO.
# It runs in mount and process namespaces of its own, so killing it ends everything in it.
set -eu
point=$1 layers=$2
shift 2
mount -t tmpfs tmpfs "$point"
mkdir "$point/upper" "$point/work" "$point/root"
mount -t overlay overlay -o "lowerdir=$layers,upperdir=$point/upper,workdir=$point/work" "$point/root"
cd "$point/root"
mount --rbind /sys sys
mount --rbind /dev dev
mount -t proc proc proc
for bind in "$@"; do
    mkdir -p ".${bind#*:}"
    mount --rbind "${bind%%:*}" ".${bind#*:}"
done
mkdir -p run/sshd mnt/old
pivot_root . mnt/old
cd /
umount --lazy /mnt/old
rmdir /mnt/old
touch /rig/booted
exec tini -- sleep infinity
