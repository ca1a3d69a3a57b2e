#!/usr/bin/env bash
# Checks that the system libraries which Blender's Python module is linked to are there (Linux).
#   scripts/system_libraries.sh VENV
# Missing ones are installed where that is possible without asking (root on Debian or Ubuntu); else it names them.
set -euo pipefail
venv=$1
[ "$(uname -s)" = Linux ] || exit 0

missing() {
    local module
    for module in "$venv"/lib/python3.*/site-packages/bpy/__init__*.so; do
        ldd "$module" 2>/dev/null | awk '/not found/ { print $1 }'
    done | sort -u
}

absent=$(missing)
[ -n "$absent" ] || exit 0

declare -A package=(
    [libX11.so.6]=libx11-6 [libXrender.so.1]=libxrender1 [libXfixes.so.3]=libxfixes3 [libXi.so.6]=libxi6
    [libXxf86vm.so.1]=libxxf86vm1 [libXext.so.6]=libxext6 [libxkbcommon.so.0]=libxkbcommon0 [libSM.so.6]=libsm6
    [libICE.so.6]=libice6 [libGL.so.1]=libgl1 [libEGL.so.1]=libegl1 [libgomp.so.1]=libgomp1
    [libstdc++.so.6]=libstdc++6 [libxcb.so.1]=libxcb1
)
wanted=()
for library in $absent; do
    if [ -z "${package[$library]:-}" ]; then
        echo "error: Blender's Python module needs $library, which this system lacks: install it and run again" >&2
        exit 1
    fi
    wanted+=("${package[$library]}")
done

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing system libraries for Blender's Python module: ${wanted[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
    absent=$(missing)
    [ -z "$absent" ] || { echo "error: still missing after the installation: $absent" >&2; exit 1; }
else
    echo "error: Blender's Python module needs system libraries that are missing here:" $absent >&2
    echo "install them and run again, on Debian or Ubuntu: sudo apt install ${wanted[*]}" >&2
    exit 1
fi
