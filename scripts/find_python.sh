#!/usr/bin/env bash
# Prints a Python that has the wanted version (default 3.11, what Blender 4.2 to 5.0 carry), or says how to get one.
#   scripts/find_python.sh [3.11]
set -euo pipefail
wanted=${1:-3.11}

works() { # a candidate counts when it runs, has that version and can make a virtual environment
    "$1" -c "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != tuple(map(int, '$wanted'.split('.'))))" \
        >/dev/null 2>&1
}

candidates=()
[ -z "${PYTHON:-}" ] || candidates+=("$PYTHON")
candidates+=("python$wanted" python3 python)
for root in "${PYENV_ROOT:-$HOME/.pyenv}"; do
    for found in "$root"/versions/"$wanted".*/bin/python; do candidates+=("$found"); done
done
candidates+=("/opt/homebrew/opt/python@$wanted/bin/python$wanted" "/usr/local/opt/python@$wanted/bin/python$wanted")

for candidate in "${candidates[@]}"; do
    if works "$candidate"; then
        command -v "$candidate"
        exit 0
    fi
done
# An uncommon last resort: uv, where it is installed, fetches a Python of its own.
if command -v uv >/dev/null && found=$(uv python find "$wanted" 2>/dev/null) && works "$found"; then
    echo "$found"
    exit 0
fi
cat >&2 <<EOF
error: no Python $wanted with the venv module was found (tried: ${candidates[*]}).
Install one and run make again:
  Debian, Ubuntu   apt install python$wanted python$wanted-venv
  macOS            brew install python@$wanted
  any              pyenv install $wanted   or   uv python install $wanted
or name one:       make PYTHON=/path/to/python$wanted ...
EOF
exit 1
