# shellcheck shell=bash
# What the scripts share: where the repo is, the packages it needs, builds. To be sourced:
#   source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }
die() {
  say "$(basename "$0"): $*"
  exit 1
}

# A clone that belongs to another user is as good as ours.
git() { command git -c 'safe.directory=*' "$@"; }

# Runs a command as root, by sudo when we are not.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

# The names in scripts/packages, one a line.
package_names() {
  sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "${ONETAKE_PACKAGES:-$ROOT/scripts/packages}"
}

# Those of package_names that are not installed, one a line.
missing_packages() {
  local installed
  # dpkg-query fails when it does not know a name; that name is then simply not in its answer.
  # shellcheck disable=SC2046 # one word a package
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' $(package_names) 2>/dev/null |
    sed -n 's/ installed$//p' | sort -u) || true
  comm -23 <(package_names | sort -u) <(printf '%s\n' "$installed")
}

# Installs what is missing, so that a fresh Debian 12 with git and a shell needs no step before.
need_packages() {
  local missing log
  command -v dpkg-query >/dev/null ||
    die "this is not a Debian machine. Install what scripts/packages lists, or use Debian 12"
  missing=$(missing_packages)
  [ -z "$missing" ] && return 0
  # shellcheck disable=SC2086 # one word a package
  set -- $missing
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    die "packages are missing, and only root may install them. As root: apt-get install -y $*"
  fi
  say "installing $# packages: $*"
  mkdir -p "$ROOT/build"
  log=$ROOT/build/packages.log
  # Another apt may be running; a source that is not ours may be broken. Neither is our failure.
  as_root apt-get -o DPkg::Lock::Timeout=300 -qq update >"$log" 2>&1 ||
    say "apt-get update reported errors (see $log); going on with the lists that are there"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
    -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -qq install -y --no-install-recommends "$@" \
    >>"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    die "apt-get could not install: $*"
  }
}

# What the Node template of tools/grpc needs, for its test. Debian does not have it, so it comes by
# npm when there is one; without it that test is skipped.
need_node_modules() {
  local dir=$ROOT/build/node_template
  [ -d "$dir/node_modules/@grpc/grpc-js" ] && return 0
  command -v npm >/dev/null || {
    say "there is no npm: the Node template of tools/grpc is NOT tested"
    return 0
  }
  mkdir -p "$dir"
  cp "$ROOT/tools/grpc/templates/node/package.json" "$dir"
  (cd "$dir" && npm install --no-package-lock --no-audit --no-fund --ignore-scripts) \
    >"$dir/npm.log" 2>&1 ||
    say "npm install failed (see $dir/npm.log): the Node template of tools/grpc is NOT tested"
}

# For the test of the dashboard's queries. Only unpacked (19 MB to load, 50 MB): installed, Debian's
# package starts a service on every address of this machine.
need_prometheus() {
  local dir=$ROOT/build/prometheus
  if [ -x "$dir/usr/bin/prometheus" ] || command -v prometheus >/dev/null; then return 0; fi
  mkdir -p "$dir"
  (cd "$dir" && apt-get download prometheus &&
    dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/prometheus &&
    rm prometheus_*.deb) >"$dir/download.log" 2>&1 ||
    say "no prometheus could be loaded (see $dir/download.log): the dashboard is NOT tested"
}

# How many compilers run at once. gRPC's headers cost about 1 GB each, so not one a core by default.
jobs_limit() {
  local cores
  cores=$(nproc)
  echo "${ONETAKE_JOBS:-$((cores < 2 ? cores : 2))}"
}

# All clones share one compiler cache: paths below the clone are hashed as relative ones.
use_ccache() {
  if [ ! -w "${HOME:-/nonexistent}" ]; then
    export CCACHE_DIR=${CCACHE_DIR:-$ROOT/.ccache}
  fi
  if [ -z "$(ccache --get-config base_dir)" ]; then
    export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1
  fi
  # Without these it caches nothing that uses a precompiled header. No source of ours asks __TIME__.
  export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}
}

# build PRESET [TARGET...]: configures and builds; all targets without a name. KEEP_GOING=1: on to
# the end, so that all errors are told at once.
build() {
  local preset=$1 dir=$ROOT/build/$1
  shift
  use_ccache
  mkdir -p "$dir"
  # Two builds in one folder would trample on each other: the second waits.
  (
    flock 9
    cd "$ROOT" || exit
    cmake --preset "$preset" >"$dir/configure.log" 2>&1 || {
      cat "$dir/configure.log" >&2
      die "cmake --preset $preset failed"
    }
    cmake --build "$dir" -j "$(jobs_limit)" ${1:+--target "$@"} ${KEEP_GOING:+-- -k 0} >&2
  ) 9>"$dir/.lock"
}
