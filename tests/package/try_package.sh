#!/usr/bin/env bash
# Usage: tests/package/try_package.sh FILE.deb
# Installs the package in a clean Debian 12 (debootstrap), runs the service as its unit says (user,
# command line, what it may write, no network but loopback, the system calls that it may make),
# calls it with the installed onetake, reloads, stops and starts it again, upgrades it under a
# caller, and purges it: by hand, so that strace can look on, and then once more by that Debian's
# own systemd, booted in namespaces.
# SKIPPED, with exit status 0, where there is no root, no debootstrap or no mirror.
# shellcheck disable=SC2016 # what apt and the other shell are to expand
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

deb=$(realpath "${1:?which package?}")
UNIT=$ROOT/scripts/packaging/onetaked.service
WORK=$(mktemp -d "${TMPDIR:-/tmp}/onetake-try.XXXXXX")
NEW=$WORK/root

skip() {
  say "SKIPPED: the package was not tried: $*"
  exit 0
}
expect() { # expect WHAT COMMAND...
  local what=$1
  shift
  "$@" >"$WORK/last.log" 2>&1 || { cat "$WORK/last.log" >&2; die "FAILED: $what"; }
  say "ok: $what"
}
setting() { sed -n "s/^$1=//p" "$UNIT" | tail -n 1; }

[ "$(id -u)" -eq 0 ] || skip "only root can make a clean Debian"
command -v debootstrap >/dev/null || skip "there is no debootstrap"
unshare --mount --net true 2>/dev/null || skip "no namespaces may be made here"
targets() { apt-get indextargets --format "$1" 'Created-By: Packages' 'Origin: Debian'; }
mirror=$(targets '$(REPO_URI) $(CODENAME) $(COMPONENT)' | sed -n 's/ bookworm main$//p' |
  head -n 1)
[ -n "$mirror" ] || skip "this machine's apt has no mirror of Debian 12"

cleanup() { rm -rf --one-file-system "$WORK"; }
trap cleanup EXIT

say "a clean Debian 12, from this machine's mirror"
debootstrap --variant=minbase bookworm "$NEW" "$mirror" >"$WORK/debootstrap.log" 2>&1 ||
  skip "debootstrap failed: $(tail -n 1 "$WORK/debootstrap.log")"
# Updates and security, too, as this machine has them; a mirror of one day has files that are over.
targets 'deb $(REPO_URI) $(CODENAME) $(COMPONENT)' | sort -u >"$NEW/etc/apt/sources.list"
apt-config dump | grep '^Acquire::Check-' >"$NEW/etc/apt/apt.conf.d/50machine" || true
cp /etc/resolv.conf "$NEW/etc/resolv.conf"
cp "$deb" "$NEW/tmp/"

inside() { DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "$NEW" "$@"; }
expect "apt knows its sources" inside apt-get -qq update
file=$(basename "$deb")
expect "apt install ./$file" inside apt-get -o APT::Sandbox::User=root -qq install -y \
  --no-install-recommends "/tmp/$file"
expect "the user onetake cannot log in" inside sh -c 'getent passwd onetake | grep -q nologin'
expect "the state belongs to it alone" \
  inside sh -c '[ "$(stat -c "%U %a" /var/lib/onetake)" = "onetake 700" ]'
expect "the configuration is root's, and it may read it" \
  inside sh -c '[ "$(stat -c "%U:%G %a" /etc/onetake/onetake.yaml)" = "root:onetake 640" ]'
expect "the configuration is right" inside onetaked --check --config /etc/onetake/onetake.yaml

cat >"$WORK/book.yaml" <<'YAML'
name: book
description: Books a slot.
effect: WRITE
parameters:
  type: object
  properties: { slot: { type: string, maxLength: 32 } }
  required: [slot]
  additionalProperties: false
intent: { identity: { slot: verbatim } }
http: { method: POST, url: "http://127.0.0.1:8099/bookings", body: $ }
YAML
cp "$WORK/book.yaml" "$NEW/etc/onetake/tools.d/book.yaml"
chown -R root:"$(inside getent group onetake | cut -d: -f3)" "$NEW/etc/onetake/tools.d"
chmod 0640 "$NEW/etc/onetake/tools.d/book.yaml"

export NEW WORK ROOT DEB=$deb
ONETAKED=$(setting ExecStart) RUN_AS=$(setting User) RUN_IN=$(setting WorkingDirectory)
RUN_UMASK=$(setting UMask) FILES=$(setting LimitNOFILE)
export ONETAKED RUN_AS RUN_IN RUN_UMASK FILES
expect "the service starts, answers, reloads, starts again, and is upgraded under a caller" \
  unshare --mount --mount-proc --net --pid --fork --kill-child "$ROOT/tests/package/use_service.sh"
expect "every file in its state is for it alone" inside sh -c \
  '! find /var/lib/onetake -type f ! -perm 600 ! -name "*.pub" | grep .'
expect "it made its keys" inside ls /var/lib/onetake/onetake.key /var/lib/onetake/onetake.master
if command -v strace >/dev/null && command -v systemd-analyze >/dev/null; then
  /usr/bin/python3 -B "$ROOT/tests/package/system_calls.py" "$UNIT" "$WORK"/strace.* \
    >"$WORK/calls.log" || {
    cat "$WORK/calls.log" >&2
    die "FAILED: it makes system calls that its unit forbids"
  }
  say "ok: it makes only system calls that its unit allows ($(tail -n 1 "$WORK/calls.log"))"
else
  say "SKIPPED: no strace or systemd-analyze, the system calls are not checked"
fi

expect "it is removed" inside apt-get -qq remove -y onetake
expect "the configuration stays at a removal" test -f "$NEW/etc/onetake/onetake.yaml"
expect "it is purged" inside apt-get -qq purge -y onetake
expect "the configuration is gone" test ! -e "$NEW/etc/onetake"
expect "the ledger and its keys are kept" test -f "$NEW/var/lib/onetake/onetake.master"

expect "its systemd can be installed" inside apt-get -o APT::Sandbox::User=root -qq install -y \
  --no-install-recommends systemd systemd-sysv dbus
systemd=0
"$ROOT/tests/package/use_systemd.sh" >"$WORK/last.log" 2>&1 || systemd=$?
case $systemd in
  0) say "ok: systemd starts, reloads, restarts, revives, upgrades, restores and ends it" ;;
  77) say "SKIPPED: no systemd can be booted here, nobody has tried the unit by it" ;;
  *)
    cat "$WORK/last.log" >&2
    die "FAILED: under systemd"
    ;;
esac
say "the package works on a clean Debian 12"
