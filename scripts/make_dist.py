"""Builds everything that people install, and the index of a repository that Blender updates from.

    python scripts/make_dist.py --out build/dist [--only NAME ...] [--json]

One zip with PyTorch (CPU) a platform and Python, the small zip without, all by Blender's official builder; index.json
and index.html for static hosting (`blender --command extension server-generate` writes the same); dist.json and
SHA256SUMS. Wheels of other platforms are downloaded, not run: only the zip of this machine's platform has been tried
where it was built. What cannot be built is in the table with its reason, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent)]

import build_extension  # noqa: E402
from build_extension import ROOT, BuildError, Target  # noqa: E402

_LINUX = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
_MAC = tuple(f"macosx_{version}_0_arm64" for version in (14, 13, 12, 11))
TARGETS = tuple(
    Target(platform, tags, python)
    for python in build_extension.BLENDERS
    for platform, tags in (("linux-x64", _LINUX), ("windows-x64", ("win_amd64",)), ("macos-arm64", _MAC))
)
SMALL = "small"
CHUNK = 1 << 20


def name_of(target: Target | None) -> str:
    """What --only takes: linux-x64-py311, ..., small."""
    return SMALL if target is None else f"{target.platform}-py{target.python[0]}{target.python[1]}"


def make(target: Target | None, out: Path) -> Path:
    """One zip. Raises BuildError with what stands in the way."""
    stage = out / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    try:
        assets = {name: ROOT / "build" / file for name, (file, _, _) in build_extension.ASSETS.items()}
        build_extension.stage(stage, assets, ROOT / "weights")
        if target is not None:
            build_extension.add_wheels(stage, target)
        (made,) = build_extension.build(stage, out, split=target is not None)
        # Blender's builder names the platform and not the Python; both are needed for a file to be told from another.
        version = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))["version"]
        return made.replace(out / f"dnpm_face-{version}-{name_of(target)}.zip")
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def facts(path: Path, target: Target | None) -> dict[str, Any]:
    """What the table says of a zip."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    with zipfile.ZipFile(path) as archive:
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode("utf-8"))
        wheels = sorted(name.removeprefix("wheels/") for name in archive.namelist() if name.startswith("wheels/"))
    return {
        "name": name_of(target), "file": path.name, "mb": round(path.stat().st_size / 1e6, 1),
        "sha256": digest.hexdigest(), "platforms": manifest.get("platforms", ["all"]),
        "blender_min": manifest["blender_version_min"], "blender_max": manifest.get("blender_version_max"),
        "wheels": wheels,
    }  # fmt: skip


def index(out: Path) -> None:
    """index.json and index.html of the zips in a folder, by Blender's own generator. Raises BuildError."""
    command = [sys.executable, "-I", str(build_extension.official_builder()), "server-generate", "--repo-dir", str(out)]
    done = subprocess.run([*command, "--html"], capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode or not (out / "index.json").is_file():
        raise BuildError(f"Blender's generator wrote no index:\n{done.stdout}{done.stderr}")


def table(rows: list[dict[str, Any]]) -> str:
    """For reading."""
    lines = [f"{'zip':22}{'MB':>8}  {'Blender':16}sha256"]
    for row in rows:
        if "problem" in row:
            lines.append(f"{row['name']:22}{'-':>8}  not built: {row['problem']}")
        else:
            blender = (
                f"{row['blender_min']} to <{row['blender_max']}" if row["blender_max"] else row["blender_min"] + "+"
            )
            lines.append(f"{row['name']:22}{row['mb']:8.1f}  {blender:16}{row['sha256'][:16]}...")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "dist", help="folder, emptied of older zips")
    targets = {name_of(target): target for target in (None, *TARGETS)}
    parser.add_argument("--only", nargs="+", choices=sorted(targets), metavar="NAME", help=", ".join(targets))
    parser.add_argument("--json", action="store_true", help="dist.json's content on stdout")
    args = parser.parse_args()
    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.zip"):
        old.unlink()
    rows: list[dict[str, Any]] = []
    for name in args.only or targets:
        print(f"building {name} ...", file=sys.stderr)
        try:
            rows.append(facts(make(targets[name], out), targets[name]))
        except BuildError as error:
            rows.append({"name": name, "problem": " ".join(str(error).split())})
    built = [row for row in rows if "problem" not in row]
    (out / "dist.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    (out / "SHA256SUMS").write_text("".join(f"{row['sha256']}  {row['file']}\n" for row in built), encoding="utf-8")
    try:
        index(out)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(rows, indent=2) if args.json else table(rows))
    return 0 if len(built) == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
