#!/bin/sh
# Builds an arm64 root file system with Python and torch, for running the training code under
# qemu-aarch64-static on a machine of another kind. Needs a Debian machine with apt, the package
# qemu-user-static, about 1.5 GB of disk, and no root: nothing of the machine itself is changed.
#
#   tests/training/aarch64/prepare.sh [directory]     default: build/aarch64
#
# `make test-all` calls it where the emulator is installed. test_identity_aarch64.py looks in
# WALRUSD_AARCH64_ROOT, then in build/aarch64. Where the package gcc-aarch64-linux-gnu is installed,
# it also compiles the kernels for arm64 and runs them.
set -eu

root=$(mkdir -p "${1:-build/aarch64}" && cd "${1:-build/aarch64}" && pwd)
python=${PYTHON:-python3}
apt=$root/.apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
: > "$apt/status"

arm64_apt() {
    apt-get --quiet --quiet --yes \
        -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User= \
        -o APT::Install-Recommends=false -o Debug::NoLocking=true \
        -o "Dir::State=$apt" -o "Dir::State::lists=$apt/lists" -o "Dir::State::status=$apt/status" \
        -o "Dir::Cache=$apt/cache" "$@"
}

arm64_apt update
arm64_apt install --download-only python3 libgomp1 libstdc++6 libgfortran5 zlib1g
for package in "$apt"/cache/archives/*.deb; do
    dpkg-deb --extract "$package" "$root"
done
rm -rf "$apt"

version=$(ls "$root/usr/bin" | sed -n 's/^python\(3\.[0-9]*\)$/\1/p')
# Built for another processor, by another compiler, with another BLAS than the x86 wheel.
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 \
    --platform manylinux2014_aarch64 --platform manylinux_2_17_aarch64 \
    --implementation cp --python-version "$version" --target "$root/site" --upgrade \
    torch==2.8.0 numpy==2.3.5 blake3==1.0.8 typing_extensions==4.15.0 safetensors==0.7.0 \
    sympy==1.14.0 mpmath==1.3.0 networkx==3.5 jinja2==3.1.6 MarkupSafe==3.0.3 filelock==3.20.0 \
    fsspec==2025.10.0
QEMU_LD_PREFIX=$root qemu-aarch64-static "$root/usr/bin/python$version" -c 'import platform; print("ready:", platform.machine())'
echo "root: $root"
