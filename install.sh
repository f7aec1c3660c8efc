#!/usr/bin/env bash
# Installs the P1 gateway out of this folder, on Debian 12 or 13 or on Raspberry Pi OS.
#
# Debian's packages come from Debian; everything of Python goes into a virtual environment inside this
# folder, each package pinned by its hash. Nothing else on the machine changes, and running it again is safe.
# tests/run takes its functions from here.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
# Debian keeps mosquitto in /usr/sbin, where an ordinary user's shell does not look.
export PATH=$PATH:/usr/sbin

usage() {
    cat <<'END'
Usage: ./install.sh --demo [--data-dir DIR] [--port N] [--days N]
       ./install.sh --help

  --demo           the whole gateway on this machine, with a simulated meter; Ctrl+C stops it
  --data-dir DIR   where the demo keeps its history
  --port N         the port of the demo's page, on this machine only
  --days N         days of history to make at the first start, of the usual 731
END
}

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

have() {
    command -v "$1" >/dev/null
}

# Runs a command and shows what it printed only if it failed.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || status=$?
    [ "$status" = 0 ] || cat "$log" >&2
    rm -f "$log"
    return "$status"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

check_python() {
    have "$python" || fail "There is no $python on this machine."
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "The gateway needs Python 3.11 or newer, and $python here is $("$python" -V 2>&1)." \
            "Debian 12 and today's Raspberry Pi OS have it."
}

# --- Debian's packages -----------------------------------------------------------------------------------

packages=()
reasons=()

need() { # PACKAGE REASON
    packages+=("$1")
    reasons+=("$1 ($2)")
}

need_python() {
    # An old Python is told before anything is installed; where there is none, python3-venv brings it.
    ! have "$python" || check_python
    # Debian's Python comes without the part that makes virtual environments.
    "$python" -c 'import ensurepip' 2>/dev/null || need python3-venv "keeps the gateway's Python apart"
    [ -e /etc/ssl/certs/ca-certificates.crt ] || need ca-certificates "to know PyPI when we fetch from it"

    # cffi has no wheel for 32-bit ARM and is built here. The kernel may be 64-bit all the same: ask dpkg.
    if [ "$(dpkg --print-architecture 2>/dev/null)" = armhf ]; then
        local package
        for package in build-essential libffi-dev python3-dev; do
            dpkg-query --status "$package" >/dev/null 2>&1 || need "$package" "builds cffi"
        done
    fi
}

need_broker() {
    have mosquitto || need mosquitto "the broker that recipients connect to"
    have mosquitto_sub || need mosquitto-clients "to listen in as a recipient"
}

# Prints what will be installed and why, on one line.
needed() {
    local list
    list=$(printf ', %s' "${reasons[@]}")
    printf '%s\n' "${list:2}"
}

install_packages() {
    if ! have apt-get || { [ "$(id -u)" != 0 ] && ! have sudo; }; then
        fail "Please let an administrator install these Debian packages first: ${packages[*]}"
    fi
    local package held_back=()
    if [ -d /run/systemd/system ]; then
        # Debian starts a service as it installs it. Its mosquitto would take port 1883 for good, unasked: ours
        # is started by the gateway. So would ser2net take ports, which only the tests need. A mask under /run
        # holds them back, and is gone even after a power cut.
        for package in "${packages[@]}"; do
            case $package in mosquitto | ser2net) held_back+=("$package.service") ;; esac
        done
    fi
    if [ "${#held_back[@]}" -gt 0 ]; then
        quietly as_root systemctl mask --runtime "${held_back[@]}"
        # shellcheck disable=SC2064 # its words are those of now: the variable is gone when the trap runs
        trap "quietly as_root systemctl unmask --runtime ${held_back[*]}" EXIT
    fi
    apt_install || fail "Debian's packages could not be installed; the lines above say why."
    if [ "${#held_back[@]}" -gt 0 ]; then
        trap - EXIT
        quietly as_root systemctl unmask --runtime "${held_back[@]}"
        quietly as_root systemctl disable "${held_back[@]}"
    fi
}

apt_install() {
    quietly as_root apt-get -q update &&
        quietly as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get -q -y --no-install-recommends install "${packages[@]}"
}

# --- Python's packages -----------------------------------------------------------------------------------

# What an environment is made from. Its own place is part of that: a folder that was moved needs a new one.
origin() { # ENVIRONMENT REQUIREMENTS
    printf '%s\n' "$1" "$("$python" -VV)" "$(sha256sum <"$2")"
}

up_to_date() { # ENVIRONMENT REQUIREMENTS
    [ "$(cat "$1/origin" 2>/dev/null)" = "$(origin "$1" "$2")" ]
}

pip_install() { # ENVIRONMENT ARGUMENT...
    local environment=$1
    shift
    # Without build isolation nothing is fetched that is not pinned: what builds is in the requirements too.
    quietly "$environment/bin/python" -m pip --quiet --disable-pip-version-check install --no-build-isolation "$@"
}

make_environment() { # ENVIRONMENT REQUIREMENTS
    local environment=$1 requirements=$2
    rm -rf "$environment"
    quietly "$python" -m venv "$environment" || fail "The virtual environment $environment could not be made."

    # setuptools first, by itself: some packages come as source, and it builds them.
    awk '/^[^ #]/ { wanted = /^setuptools==/ } wanted' "$requirements" >"$environment/setuptools.txt"
    { pip_install "$environment" --require-hashes -r "$environment/setuptools.txt" &&
        pip_install "$environment" --require-hashes -r "$requirements"; } ||
        fail "The Python packages could not be fetched; the lines above say why. Is this machine on the internet?"

    # Written last: an environment that was interrupted has none and is made anew.
    origin "$environment" "$requirements" >"$environment/origin"
}

install_project() { # ENVIRONMENT [OPTION OF PIP]
    pip_install "$1" --no-deps "${@:2}" "$root" || fail "The gateway itself could not be installed."
}

# --- What the owner asks for -----------------------------------------------------------------------------

demo() { # OPTION...
    check_demo_options "$@"
    [ "$(uname -m)" != armv6l ] ||
        fail "The first Raspberry Pi, the Zero and the Zero W are too old for the gateway; a Zero 2 W will do."

    echo "The P1 gateway's demo: everything on this machine, with a simulated meter."
    need_python
    need_broker
    if [ "${#packages[@]}" -gt 0 ]; then
        echo "[1/3] Debian packages to install: $(needed)."
        install_packages
    else
        echo "[1/3] The Debian packages are all there."
    fi
    check_python

    local environment=$root/.venv
    [ ! -e "$environment" ] || [ -w "$environment" ] ||
        fail "$environment belongs to another user, probably after a run with sudo: remove it with sudo rm -r."
    if up_to_date "$environment" "$root/requirements.txt"; then
        echo "[2/3] The Python packages are all there."
    else
        echo "[2/3] Fetching the Python packages and checking their hashes. This can take some minutes."
        make_environment "$environment" "$root/requirements.txt"
    fi
    install_project "$environment"

    echo "[3/3] Starting."
    exec "$environment/bin/p1-gateway" demo "$@"
}

# A typing error is better told now than after some minutes of installing.
check_demo_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --help)
                usage
                exit
                ;;
            --data-dir=?* | --port=?* | --days=?*) shift ;;
            --data-dir | --port | --days)
                [ $# -ge 2 ] || wrong_usage "$1 needs a value."
                shift 2
                ;;
            *) wrong_usage "The demo has no option $1." ;;
        esac
    done
}

wrong_usage() {
    printf '%s\n\n' "$*" >&2
    usage >&2
    exit 2
}

main() {
    case ${1-} in
        --demo) demo "${@:2}" ;;
        --help | -h) usage ;;
        "")
            echo "The installation on a Raspberry Pi with a real meter is not part of this version yet." >&2
            echo "To see the gateway at work with a simulated meter, run ./install.sh --demo." >&2
            exit 2
            ;;
        *) wrong_usage "There is no option $1." ;;
    esac
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    main "$@"
fi
