#!/usr/bin/env bash
# Of try_package.sh: boots the Debian in $NEW, its own systemd as PID 1 of namespaces, and has that
# install, start, reload, restart, upgrade, restore and purge the service of $DEB, with every
# restriction of its unit. $WORK takes what was seen. Exit status 77: no systemd can be booted here.
set -euo pipefail

fail() {
  echo "$*" >&2
  exit 1
}
groups=()
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
  [ -e "$hierarchy/cgroup.procs" ] || continue
  ! mkdir "$hierarchy/onetake-try.$$" 2>/dev/null || groups+=("$hierarchy/onetake-try.$$")
done
[ ${#groups[@]} -gt 0 ] || exit 77

(
  for group in "${groups[@]}"; do echo "$BASHPID" >"$group/cgroup.procs"; done
  exec unshare --mount --pid --net --ipc --uts --cgroup --fork --kill-child \
    "$ROOT/tests/package/boot_systemd.sh"
) >"$WORK/systemd.log" 2>&1 </dev/null &
outer=$! init='' downstream=''
cleanup() {
  [ -z "$downstream" ] || kill "$downstream" 2>/dev/null || true
  # With PID 1 all that is in its namespace ends.
  [ -z "$init" ] || kill -KILL "$init" 2>/dev/null || true
  wait "$outer" 2>/dev/null || true
  for group in "${groups[@]}"; do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}
trap cleanup EXIT

inside() {
  nsenter -t "$init" --mount --pid --net --ipc --uts --cgroup --root --wd=/ \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"
}
eventually() {
  local tries
  for tries in $(seq 300); do
    ! "$@" >"$WORK/try.log" 2>&1 || return 0
    sleep 0.2
  done
  cat "$WORK/try.log" >&2
  inside journalctl -u onetaked -o cat --no-pager -n 30 >&2 || true
  fail "not within a minute ($tries): $*"
}
booted() {
  init=$(pgrep -P "$outer" | head -n 1) && [ -n "$init" ] &&
    inside systemctl is-system-running | grep -qE 'running|degraded'
}
for _ in $(seq 150); do
  ! booted 2>/dev/null || break
  kill -0 "$outer" 2>/dev/null || break
  sleep 0.2
done
booted || exit 77

nsenter -t "$init" --net /usr/bin/python3 -B "$ROOT/tests/package/loopback_up.py"
: >"$WORK/systemd.posts"
nsenter -t "$init" --net /usr/bin/python3 -B "$ROOT/tests/package/downstream.py" 8099 \
  "$WORK/systemd.posts" &
downstream=$!

active() { inside systemctl is-active --quiet onetaked; }
pid() { inside systemctl show -p MainPID --value onetaked; }
restarts() { inside systemctl show -p NRestarts --value onetaked; } # since it was last asked for
slots() { wc -l <"$WORK/systemd.posts"; }
TOKEN=''
onetake() { inside env ONETAKE_TOKEN="$TOKEN" onetake "$@"; }
lists() { onetake tools list | grep -q "^$1 "; }
# Whoever gets no answer asks again.
book() {
  until onetake call book "{\"slot\":\"$1\"}" --session systemd --json 2>/dev/null \
    >"$WORK/book.json" && grep -q DISPOSITION_DONE "$WORK/book.json"; do
    sleep 0.1
  done
}
replayed() {
  book 9:00
  grep -q '"replayed": *true' "$WORK/book.json" || fail "what was done is not known any more"
}
manifest() {
  sed "s/^name: book/name: $1/" "$WORK/book.yaml" >"$NEW/etc/onetake/tools.d/$1.yaml"
  chmod 0644 "$NEW/etc/onetake/tools.d/$1.yaml"
}

cp "$DEB" "$NEW/root/onetake.deb"
inside dpkg -i /root/onetake.deb
eventually active
inside systemctl is-enabled onetaked
TOKEN=$(inside runuser -u onetake -- onetake token create systemd --roles execute,audit \
  --tokens /var/lib/onetake/onetake.tokens | grep -o 'otk_[A-Za-z0-9_-]*' | tail -n 1)
manifest book
inside systemctl reload onetaked
eventually lists book
status=$(inside cat "/proc/$(pid)/status")
for line in 'NoNewPrivs: 1' 'Seccomp: 2' 'CapEff: 0000000000000000' 'CapBnd: 0000000000000000'; do
  tr '\t' ' ' <<<"$status" | grep -q "^$line" || fail "the service runs without: $line"
done
book 9:00
replayed

manifest reserve
inside systemctl reload onetaked
eventually lists reserve
inside systemctl restart onetaked
eventually lists book
replayed
first=$(pid)
inside sh -c "kill -KILL $first"
eventually lists book
[ "$(pid)" != "$first" ] || fail "a service that was killed is not there again"
replayed

# A process that does nothing any more is noticed, one that works is left alone (the rest of this
# runs with the short time, too).
inside mkdir -p /etc/systemd/system/onetaked.service.d
printf '[Service]\nWatchdogSec=5s\n' >"$NEW/etc/systemd/system/onetaked.service.d/watchdog.conf"
inside systemctl daemon-reload
inside systemctl restart onetaked
eventually lists book
hung=$(pid)
inside systemctl kill --kill-whom=main --signal=STOP onetaked
revived() { [ "$(pid)" != "$hung" ] && lists book; }
eventually revived
[ "$(restarts)" -eq 1 ] || fail "a service that hangs is started again $(restarts) times"
replayed

# The socket of listen_group is for its members.
cp "$NEW/etc/onetake/onetake.yaml" "$WORK/onetake.yaml"
sed -i "s|^listen:.*|listen: unix:/run/onetake/onetake.sock\nlisten_group: onetake|" \
  "$NEW/etc/onetake/onetake.yaml"
inside useradd --groups onetake agent
inside useradd stranger
as() { # as USER: lists the tools over the socket
  inside runuser -u "$1" -- env ONETAKE_TOKEN="$TOKEN" \
    onetake --server unix:/run/onetake/onetake.sock tools list | grep -q '^book '
}
inside systemctl restart onetaked
eventually as agent
! as stranger 2>/dev/null || fail "who is not of listen_group can connect"
cat "$WORK/onetake.yaml" >"$NEW/etc/onetake/onetake.yaml"
inside systemctl restart onetaked
eventually lists book

# Upgraded to itself, while a caller goes on.
caller() {
  local number=0 more=0
  while [ "$more" -lt 5 ]; do
    [ ! -e "$WORK/systemd.upgraded" ] || more=$((more + 1))
    number=$((number + 1))
    echo "$number" >"$WORK/systemd.asked"
    book "13:$number"
  done
}
before=$(slots) second=$(pid)
caller &
calling=$!
inside dpkg -i /root/onetake.deb
eventually lists book
touch "$WORK/systemd.upgraded"
wait "$calling"
[ "$(pid)" != "$second" ] || fail "an upgrade does not start the new one"
[ "$(($(slots) - before))" -eq "$(cat "$WORK/systemd.asked")" ] ||
  fail "$(cat "$WORK/systemd.asked") bookings made $(($(slots) - before))"

# What OPERATIONS.md says to type, in its words; a manifest names what only the service is given.
typed() { # typed COMMAND: the block of commands that begins with it
  local block
  block=$(sed -n "/^    $1/,/^\$/s/^    //p" "$ROOT/runtime/server/OPERATIONS.md" |
    sed "s/DAY/$(date +%F)/g; s|^ *dpkg -x \S*|dpkg -x /root/onetake.deb|")
  [ -n "$block" ] || fail "OPERATIONS.md has no: $1"
  inside bash -e <<<"${2:-}$block"
}
install -m 0600 /dev/stdin "$NEW/etc/onetake/environment" <<<'BOOKINGS=http://127.0.0.1:8099'
manifest vary
sed -i "s|http://127.0.0.1:8099|\${BOOKINGS}|" "$NEW/etc/onetake/tools.d/vary.yaml"
inside systemctl restart onetaked
eventually lists vary
typed 'as_onetake()'
typed 'dpkg -x' "$(grep -m 1 -o 'as_onetake() {.*}' "$ROOT/runtime/server/OPERATIONS.md")"$'\n'
inside mkdir /backup /safe /elsewhere
typed 'onetake ledger backup'
book 17:00
typed 'systemctl stop onetaked'
eventually lists vary
onetake call book '{"slot":"17:00"}' --session systemd --json >"$WORK/book.json" || true
grep -q DISPOSITION_NEEDS_CONFIRMATION "$WORK/book.json" ||
  fail "what a restore forgot is written again unasked"
! inside systemctl cat onetaked | grep -q accept-restored || fail "every start accepts old copies"
inside systemctl restart onetaked
eventually lists vary
inside runuser -u onetake -- onetake ledger verify --ledger /var/lib/onetake/onetake.db

[ "$(restarts)" -eq 0 ] || fail "the watchdog has ended a service that works"
inside dpkg --purge onetake
! active || fail "it runs although it is purged"
! inside systemctl cat onetaked 2>/dev/null || fail "its unit is there although it is purged"
inside test -f /var/lib/onetake/onetake.master
