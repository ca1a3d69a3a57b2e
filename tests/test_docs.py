"""The pages: what they link to exists, what they name of the code is there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "weights").glob("*.md")])


@pytest.fixture(scope="module")
def site() -> ModuleType:
    """scripts/docs_site.py, the hooks of `make docs`."""
    spec = importlib.util.spec_from_file_location("docs_site", ROOT / "scripts" / "docs_site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def links(page: Path, site: ModuleType) -> list[str]:
    text = site._without_code(page.read_text(encoding="utf-8"))
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", target)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path, site: ModuleType) -> None:
    """Also to the class or function of a source file that a link names after its #."""
    for target in links(page, site):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        # The reference is made from the code, below build/.
        if "reference/" in path:
            assert file.name in ("operators.md", "panels.md", "properties.md", "cli.md"), target
            continue
        assert file.exists(), f"{page.name} links to {target}"
        if file.suffix == ".py" and anchor:
            assert site.line_of(file, anchor) is not None, f"{page.name}: {path} has no {anchor}"


def test_names_are_found_in_files(site: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("x = 1\ny: int = 2\n\n\nclass A:\n    b = 3\n\n    def c(self):\n        d = 4\n", encoding="utf-8")
    found = {name: site.line_of(file, name) for name in ("x", "y", "A", "A.b", "A.c", "d", "A.d", "B.c")}
    assert found == {"x": 1, "y": 2, "A": 5, "A.b": 6, "A.c": 8, "d": None, "A.d": None, "B.c": None}
