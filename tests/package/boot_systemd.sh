#!/usr/bin/env bash
# Of use_systemd.sh, in namespaces of its own: makes the Debian in $NEW the root, with file systems
# as a machine has them, and becomes its systemd.
set -euo pipefail

mount --make-rprivate /
mount --bind "$NEW" "$NEW"
mount -t proc proc "$NEW/proc"
mount -t sysfs -o ro sysfs "$NEW/sys"
if [ -e /sys/fs/cgroup/cgroup.procs ]; then
  mount -t cgroup2 cgroup2 "$NEW/sys/fs/cgroup"
else
  mount -t tmpfs -o mode=0755 tmpfs "$NEW/sys/fs/cgroup"
  mkdir "$NEW/sys/fs/cgroup/unified" "$NEW/sys/fs/cgroup/systemd"
  mount -t cgroup2 cgroup2 "$NEW/sys/fs/cgroup/unified"
  mount -t cgroup -o none,name=systemd cgroup "$NEW/sys/fs/cgroup/systemd"
fi
mount -t tmpfs -o mode=0755 tmpfs "$NEW/run"
mount -t tmpfs -o mode=1777 tmpfs "$NEW/tmp"
mount -t tmpfs -o mode=0755 tmpfs "$NEW/dev"
for device in null zero full urandom random tty; do
  touch "$NEW/dev/$device"
  mount --bind "/dev/$device" "$NEW/dev/$device"
done
mkdir "$NEW/dev/pts" "$NEW/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$NEW/dev/pts"
ln -s pts/ptmx "$NEW/dev/ptmx"
mount -t tmpfs tmpfs "$NEW/dev/shm"

# A chroot would not do: in one nobody may make the user namespaces of PrivateUsers.
cd "$NEW"
mkdir -p mnt/outer
pivot_root . mnt/outer
umount -l /mnt/outer
exec env -i container=onetake-try PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  /lib/systemd/systemd --log-target=console
