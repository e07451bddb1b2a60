#!/bin/sh
# Installs what `npm run bench` compares us with, from Debian's archive: a C compiler for the yardstick and the accounting,
# awk, grep, ripgrep, perl, fail2ban, liblognorm, mtail and syslog-ng's pattern database. Needs root. Never run by the tests; without it the
# benchmark compares with what is there, and says what is not. No service is started by it.
set -eu

[ "$(id -u)" = 0 ] || { echo "install-peers: needs root" >&2; exit 1; }
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT INT TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
# One after the other: a package that an archive lacks keeps nobody else away.
for package in gcc libc6-dev mawk grep ripgrep perl fail2ban liblognorm-utils mtail syslog-ng-core; do
  apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$package" >/dev/null 2>&1 ||
    echo "install-peers: $package could not be installed" >&2
done
