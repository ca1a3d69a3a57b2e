#!/usr/bin/env bash
# Makes an environment for every Blender on which `make test-all` runs beside .venv's, and prints their Pythons.
#   scripts/blender_venvs.sh FOLDER VENV [BLENDER ...]
# FOLDER is where they go, VENV the project's own environment (Python 3.11), BLENDER some of the versions below.
# Prints one line each, LABEL=PYTHON, as tests/run.py --blender takes it; what is going on goes to stderr.
#
# An environment is thin: Blender's Python module and the numpy that this Blender carries, in front of a whole
# environment of the same Python. So tests see what an artist's process sees, and five of them take no 15 GB.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1
own=$2
shift 2

# Blender, its Python, its numpy. (4.5.15 is .venv's own, see pyproject.toml.)
blenders=(
    "4.2.23 3.11 1.24.3"
    "5.0.1 3.11 1.26.4"
    "5.2.3 3.13 2.2.6"
    "5.3.0 3.13 2.2.6"
)

rows=() lacking=()
for row in "${blenders[@]}"; do
    read -r bpy python _ <<<"$row"
    [ $# = 0 ] || [[ " $* " == *" $bpy "* ]] || continue
    rows+=("$row")
    [ "$python" = 3.11 ] || scripts/find_python.sh "$python" >/dev/null 2>&1 || lacking+=("$bpy")
done
[ ${#rows[@]} -gt 0 ] || { echo "error: no Blender $* in scripts/blender_venvs.sh" >&2; exit 2; }
if [ ${#lacking[@]} -gt 0 ]; then
    echo "error: Blender ${lacking[*]} need Python 3.13 with the venv module, which was not found: install it (Debian" \
        "13: apt install python3.13-venv; any: uv python install 3.13, pyenv install 3.13), or name the Blenders to" \
        "test: make test-all BLENDERS=\"4.2.23 5.0.1\"" >&2
    exit 2
fi

for row in "${rows[@]}"; do
    read -r bpy python numpy <<<"$row"
    base=$own
    if [ "$python" != 3.11 ]; then
        base=$folder/python-$python
        PYTHON_VERSION=$python scripts/make_venv.sh "$base" >&2
    fi
    venv=$folder/bpy-$bpy
    recipe="$bpy $numpy $base "$(cat scripts/blender_venvs.sh | cksum)
    if [ ! -f "$venv/dnpm-installed" ] || [ "$(cat "$venv/dnpm-installed")" != "$recipe" ]; then
        echo "making $venv (1 GB)" >&2
        rm -rf "$venv"
        "$base/bin/python" -m venv --without-pip "$venv"
        packages=("$venv"/lib/python3.*/site-packages)
        "$base/bin/python" -m pip --disable-pip-version-check install --quiet --no-deps --target "${packages[0]}" \
            "bpy==$bpy" "numpy==$numpy" >&2
        # After the environment's own: pip's metadata and modules in front hide those of the same name behind them.
        # addsitedir also reads the .pth files there, by which the project itself is found.
        "$base/bin/python" -c "import sysconfig; print('import site; site.addsitedir(%r)' % sysconfig.get_path('purelib'))" \
            >"${packages[0]}/base.pth"
        # The command of the project, as pip makes it: render farms start that.
        printf '%s\n' "#!$(cd "$venv" && pwd)/bin/python" "import sys" "from dnpm.core.cli.main import main" \
            "if __name__ == '__main__':" "    sys.exit(main())" >"$venv/bin/dnpm"
        chmod +x "$venv/bin/dnpm"
        scripts/system_libraries.sh "$venv" >&2
        echo "$recipe" >"$venv/dnpm-installed"
    fi
    "$venv/bin/python" -c "
import os, sys, bpy, numpy
found = ('.'.join(map(str, bpy.app.version)), numpy.__version__)
sys.stdout.flush()
if found != ('$bpy', '$numpy'):
    sys.stderr.write('error: $venv: holds bpy %s with numpy %s, not $bpy with $numpy\n' % found)
os._exit(found != ('$bpy', '$numpy'))"
    echo "$bpy=$(cd "$venv" && pwd)/bin/python"
done
