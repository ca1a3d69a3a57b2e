"""The repository's root is the package `dnpm`; every package below it is found, so that none can be forgotten."""

from setuptools import find_packages, setup

ROOMS = ["core", "core.*", "operators", "operators.*", "panels", "panels.*"]

setup(
    package_dir={"dnpm": "."},
    packages=["dnpm", *(f"dnpm.{name}" for name in find_packages(".", include=ROOMS))],
    package_data={
        "dnpm": [
            "blender_manifest.toml",
            "weights/*.safetensors",
            "weights/*.json",
            "weights/*.md",
            "core/face_model/library/*/*.json",
            "core/face_model/library/*/*.jpg",
        ]
    },
)
