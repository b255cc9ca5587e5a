#!/usr/bin/env bash
# bootstrap.sh demo|test: makes .venv and installs what is missing, on Debian 12 or alike.
#
# Debian packages need root or sudo without a password. Without them the work goes on: zig and
# Unicorn, both from pip, stand in for the compiler and the emulator.
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:?usage: bootstrap.sh demo|test}
python=${PYTHON:-python3}

# program -> Debian package that brings it
declare -A packages=(
    [gcc]="gcc libc6-dev"
    [arm-none-eabi-gcc]="gcc-arm-none-eabi"
    [qemu-system-arm]="qemu-system-arm"
)
if [ "$purpose" = test ]; then
    packages[riscv64-unknown-elf-gcc]="gcc-riscv64-unknown-elf"
    packages[qemu-system-riscv32]="qemu-system-misc"
    packages[clang]="clang libclang-rt-14-dev" # Debian 12's
    packages[cppcheck]="cppcheck"
    packages[gdb-multiarch]="gdb-multiarch"
    packages[cmake]="cmake"
fi

say() { printf 'setup: %s\n' "$*" >&2; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_be_root() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }

install_debian_packages() {
    local wanted="$*"
    if ! command -v apt-get >/dev/null || ! can_be_root; then
        say "missing Debian packages: $wanted"
        say "install them with: sudo apt-get install $wanted"
        say "going on without; zig and Unicorn from pip take their place"
        return 0
    fi
    say "installing Debian packages: $wanted"
    as_root apt-get update -qq
    # shellcheck disable=SC2086 # several packages in one word
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $wanted >/dev/null
}

missing_packages() {
    local program
    for program in "${!packages[@]}"; do
        command -v "$program" >/dev/null || printf '%s ' "${packages[$program]}"
    done
    "$python" -c 'import ensurepip, venv' 2>/dev/null || printf 'python3-venv '
    missing_sanitisers
}

# A clang that was here before may lack its sanitisers and libFuzzer, which are a package of their own.
missing_sanitisers() {
    [ "$purpose" = test ] && command -v clang >/dev/null || return 0
    local version
    version=$(clang -dumpversion | cut -d. -f1)
    find "$(clang -print-resource-dir)/" -name 'libclang_rt.fuzzer*' 2>/dev/null | grep -q . ||
        printf 'libclang-rt-%s-dev ' "$version"
}

make_environment() {
    # A stamp that names what was installed: a change of either file installs again.
    local extra="" stamp
    [ "$purpose" = test ] && extra="[dev]"
    stamp=.venv/.installed-$purpose-$(cat pyproject.toml constraints.txt | sha256sum | cut -c1-16)
    [ -e "$stamp" ] && return 0
    if [ ! -x .venv/bin/python ]; then
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
            say "Python 3.11 or newer is needed, $("$python" --version) was found"
            exit 4
        }
        say "making .venv"
        "$python" -m venv .venv
    fi
    say "installing Python packages into .venv (a minute or two the first time)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".$extra"
    # what checks signatures on a device; without a connection `emit` asks for it again
    .venv/bin/python -m host_tools.monocypher >&2 || say "going on without Monocypher"
    touch "$stamp"
}

missing=$(missing_packages)
[ -z "$missing" ] || install_debian_packages "$missing"
make_environment
