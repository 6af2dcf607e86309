#!/usr/bin/env bash
# Run Python as aarch64 in an emulator, with the dependencies of this environment.
#
#   tests/aarch64.sh PYTHON FOLDER [arguments of Python]
#
# PYTHON is the interpreter whose installed versions are taken. FOLDER is made on the first call, of
# Debian's arm64 Python and the wheels of the same versions (some two minutes, 1 GB), and kept.
# Needs Debian 12 or later with a Python of the same minor version as PYTHON, root, and the network.
set -euo pipefail
python=$1 folder=$(mkdir -p "$2" && cd "$2" && pwd)
shift 2
root=$folder/root
wanted=$folder/wanted.txt
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

if [ "$(uname -s)" != Linux ] || [ ! -r /etc/debian_version ]; then
  echo "aarch64.sh: needs Debian" >&2
  exit 2
fi
for tool in qemu-aarch64-static debootstrap; do
  command -v $tool >/dev/null && continue
  [ "$(id -u)" = 0 ] || { echo "aarch64.sh: $tool is missing, and installing it needs root" >&2; exit 2; }
  apt-get update -qq
  apt-get install -y -qq qemu-user-static debootstrap >/dev/null
done

if [ ! -e "$root/.ready" ]; then
  [ "$(id -u)" = 0 ] || { echo "aarch64.sh: unpacking another Debian needs root" >&2; exit 2; }
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  rm -rf "$root"
  # Only fetched and unpacked: nothing of it is set up, since only its Python is run.
  debootstrap --arch=arm64 --foreign --variant=minbase --include=python3 "$release" "$root" \
    >"$folder/log" || { tail -n 5 "$folder/log" >&2; exit 1; }
  for package in "$root"/var/cache/apt/archives/*.deb; do dpkg -x "$package" "$root"; done
  rm -f "$root"/var/cache/apt/archives/*.deb
  touch "$root/.ready"
fi
if [ ! -x "$root/usr/bin/python$version" ]; then
  echo "aarch64.sh: Debian's Python is not $version, that of $python: other wheels, other bits" >&2
  exit 2
fi

# The package's dependencies, theirs too, at the versions installed.
"$python" - moe_theory >"$wanted.new" <<'LIST'
import sys
from importlib.metadata import PackageNotFoundError, distribution
from packaging.requirements import Requirement

found, left = {}, sys.argv[1:]
while left:
    known = distribution(left.pop())
    for text in known.requires or ():
        need = Requirement(text)
        wanted = need.marker is None or need.marker.evaluate({"extra": ""})
        if wanted and need.name.lower() not in found:
            found[need.name.lower()] = distribution(need.name).version
            left.append(need.name)
for name in sorted(found):
    print(f"{name}=={found[name]}")
LIST
if ! cmp -s "$wanted" "$wanted.new"; then
  rm -rf "$folder/wheels" "$folder/site" "$folder/cache" "$wanted"
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --platform manylinux2014_aarch64 --platform manylinux_2_27_aarch64 \
    --platform manylinux_2_28_aarch64 --python-version "$version" --implementation cp \
    --abi "cp${version/./}" --abi abi3 --abi none -d "$folder/wheels" -r "$wanted.new"
  for wheel in "$folder"/wheels/*.whl; do
    "$python" -m zipfile -e "$wheel" "$folder/site"
  done
  mv "$wanted.new" "$wanted"
fi

export PYTHONPYCACHEPREFIX=$folder/bytecode NUMBA_CACHE_DIR=${NUMBA_CACHE_DIR:-$folder/cache}
export PYTHONPATH=$folder/site${PYTHONPATH:+:$PYTHONPATH}
exec qemu-aarch64-static -L "$root" "$root/usr/bin/python$version" "$@"
