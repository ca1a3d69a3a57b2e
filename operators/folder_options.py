"""What the operators that write into a folder are asked alike."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..core.errors import DnpmError
from .long import FileOperator


class FolderOperator(FileOperator):
    """Mixin of a background operator that writes into a folder, chosen first unless one is named already."""

    edits = False

    directory: bpy.props.StringProperty(
        name="Folder", description="Where the files are written; files of the same names are replaced",
        subtype="DIR_PATH", options={"SKIP_SAVE"},
    )  # fmt: skip
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def has_file(self, context: bpy.types.Context) -> bool:
        """See `FileOperator`."""
        return bool(self.directory)

    def chosen_folder(self) -> Path:
        """The folder, which need not be there. Raises DnpmError when none is chosen."""
        if not self.directory.strip():
            raise DnpmError("choose a folder first")
        return Path(bpy.path.abspath(self.directory))
