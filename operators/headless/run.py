"""Start of the headless batch under Blender or a Python with bpy; with the word `clip`, `engine`, `engine_compare`
or `scene` first, of what `dnpm animate`, `dnpm export` or `dnpm scene` wants of Blender:

blender -b --python operators/headless/run.py -- job.json --out DIR
python operators/headless/run.py -- job.json --out DIR
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def package() -> str:
    """The name under which this very package is imported: as the installed extension, or as `dnpm`."""
    front_door = ROOT / "__init__.py"
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file) == front_door and name != "__main__":
            return name
    spec = importlib.util.spec_from_file_location("dnpm", front_door, submodule_search_locations=[str(ROOT)])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["dnpm"] = module
    spec.loader.exec_module(module)
    return "dnpm"


def main() -> None:
    """Run the batch and leave Blender with its exit code."""
    here = str(Path(__file__).resolve().parent)
    sys.path[:] = [entry for entry in sys.path if entry != here]  # Python put the script's folder there
    words = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    command = "batch"
    if words[:1] in (["clip"], ["engine"], ["engine_compare"], ["scene"]):
        command, words = words[0], words[1:]
    name = package()
    processes = importlib.import_module(f"{name}.core.processes")
    processes.hold_lifeline()
    processes.end_on_signals()
    importlib.import_module(f"{name}.core.cli.streams").accept_any_text()
    importlib.import_module(f"{name}.core.logs").configure(strict=False)
    try:
        status = importlib.import_module(f"{name}.operators.headless.{command}").main(words)
    except SystemExit as leaving:  # argparse: --help, wrong usage
        status = leaving.code if isinstance(leaving.code, int) else 2
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: with classes still registered some versions crash or hang when the interpreter is torn down.
    os._exit(status)


if __name__ == "__main__":
    main()
