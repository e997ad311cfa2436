#!/usr/bin/env bash
# Of try_package.sh, in namespaces of its own: runs the service of the Debian in $NEW as its unit
# does, with a downstream beside it, uses it, and upgrades it from $DEB. $WORK takes what was seen.
set -euo pipefail

mount --make-rprivate /
/usr/bin/python3 -B "$ROOT/tests/package/loopback_up.py"

# ProtectSystem=strict, ProtectProc=invisible, ProcSubset=pid, PrivateTmp, PrivateDevices, and the
# directories of the unit.
mount --bind "$NEW" "$NEW"
mount -o remount,ro,bind "$NEW"
mount --bind "$NEW/var/lib/onetake" "$NEW/var/lib/onetake"
mount -o remount,rw,bind "$NEW/var/lib/onetake"
mount -t proc -o hidepid=invisible,subset=pid proc "$NEW/proc"
mount -t tmpfs -o mode=1777 tmpfs "$NEW/tmp"
mount -t tmpfs -o mode=0755 tmpfs "$NEW/run"
mount -t tmpfs -o mode=0755 tmpfs "$NEW/dev"
for device in null zero urandom random; do
  touch "$NEW/dev/$device"
  mount --bind "/dev/$device" "$NEW/dev/$device"
done

/usr/bin/python3 -B "$ROOT/tests/package/downstream.py" 8099 "$WORK/posts" &
downstream=$!
trap 'kill "$downstream" 2>/dev/null || true' EXIT

server='' trace=()
start() {
  ! command -v strace >/dev/null || trace=(strace -f -qq -o "$WORK/strace.$1")
  (
    ulimit -c 0
    # A sandbox may allow fewer; the service asks for none that it does not need.
    ulimit -n "$FILES" 2>/dev/null || true
    umask "$RUN_UMASK"
    exec "${trace[@]}" chroot "$NEW" setpriv --reuid "$RUN_AS" --regid "$RUN_AS" --clear-groups \
      --no-new-privs --bounding-set=-all --inh-caps=-all \
      env -i PATH=/usr/bin:/bin LANG=C.UTF-8 sh -c "cd $RUN_IN && exec $ONETAKED"
  ) >>"$WORK/server.log" 2>&1 &
  server=$!
}
# Of the service itself, in this PID namespace.
pid() { pgrep -x onetaked; }
as() {
  local user=$1
  shift
  chroot "$NEW" setpriv --reuid "$user" --regid "$(id_of "$user")" --clear-groups "$@"
}
id_of() { chroot "$NEW" id -g "$1"; }
TOKEN=''
onetake() { as nobody env ONETAKE_TOKEN="$TOKEN" onetake "$@"; }
eventually() {
  local tries
  for tries in $(seq 200); do
    ! "$@" >"$WORK/try.log" 2>&1 || return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  cat "$WORK/try.log" "$WORK/server.log" >&2
  echo "not within 20 s ($tries): $*" >&2
  return 1
}
lists() { onetake tools list | grep -q "$1"; }
book() { onetake call book '{"slot":"9:00"}' --session "$1" --json; }
stop() {
  kill -TERM "$(pid)"
  wait "$server" || { echo "it ended with status $?" >&2; return 1; }
  server=''
}

TOKEN=$(as "$RUN_AS" onetake token create test --roles execute,audit \
  --tokens /var/lib/onetake/onetake.tokens | grep -o 'otk_[A-Za-z0-9_-]*' | tail -n 1)
start 1
eventually lists book
! TOKEN='' onetake tools list 2>/dev/null || { echo "it lets everybody in" >&2; exit 1; }
book s1 | tee "$WORK/first.json"
book s1 | tee "$WORK/second.json"
grep -q DISPOSITION_DONE "$WORK/first.json"
grep -q '"replayed": *true' "$WORK/second.json"
[ "$(wc -l <"$WORK/posts")" -eq 1 ] || { echo "the downstream was asked twice" >&2; exit 1; }
onetake ledger list

sed 's/^name: book/name: reserve/' "$NEW/etc/onetake/tools.d/book.yaml" >"$WORK/reserve.yaml"
mount -o remount,rw,bind "$NEW"
install -m 0640 -g "$(stat -c %g "$NEW/etc/onetake")" "$WORK/reserve.yaml" \
  "$NEW/etc/onetake/tools.d/reserve.yaml"
mount -o remount,ro,bind "$NEW"
kill -HUP "$(pid)"
eventually lists reserve
stop

start 2
eventually lists reserve
book s1 >"$WORK/third.json"
grep -q '"replayed": *true' "$WORK/third.json"
[ "$(wc -l <"$WORK/posts")" -eq 1 ] || { echo "the downstream was asked again" >&2; exit 1; }
as "$RUN_AS" onetake ledger verify --ledger /var/lib/onetake/onetake.db

# An upgrade, here to itself, while a caller goes on and tries every call again until it is done. No
# systemd is there for the maintainer scripts to ask for a restart, so that comes after them.
slots() { wc -l <"$WORK/posts"; }
caller() {
  local number=0 more=0
  while [ "$more" -lt 5 ]; do
    [ ! -e "$WORK/upgraded" ] || more=$((more + 1))
    number=$((number + 1))
    echo "$number" >"$WORK/asked"
    until onetake call book "{\"slot\":\"12:$number\"}" --session s2 --json 2>/dev/null |
      grep -q DISPOSITION_DONE; do
      sleep 0.1
    done
  done
}
before=$(slots)
caller &
calling=$!
mount -o remount,rw,bind "$NEW"
cp "$DEB" "$NEW/tmp/new.deb"
DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "$NEW" dpkg -i /tmp/new.deb
mount -o remount,ro,bind "$NEW"
eventually lists reserve
stop
start 3
eventually lists reserve
touch "$WORK/upgraded"
wait "$calling"
[ "$(($(slots) - before))" -eq "$(cat "$WORK/asked")" ] || {
  echo "$(cat "$WORK/asked") bookings made $(($(slots) - before))" >&2
  exit 1
}
as "$RUN_AS" onetake ledger verify --ledger /var/lib/onetake/onetake.db
stop
