"""The pages: what they link to exists, what they name of the code is there, and the reference can be made from it."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
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


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference, made from the code. Everything in it is described: a gap ends the script with 1."""
    out = tmp_path_factory.mktemp("reference")
    script = ROOT / "scripts" / "make_reference.py"
    done = subprocess.run(
        [sys.executable, str(script), "--out", str(out)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_the_reference_is_made_from_the_code(reference: Path) -> None:
    operators, cli = (reference / name for name in ("operators.md", "cli.md"))
    named = set(re.findall(r"^`(dnpm\.\w+)`", operators.read_text(encoding="utf-8"), re.MULTILINE))
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "operators").rglob("*.py"))
    assert named == set(re.findall(r'bl_idname = "(dnpm\.\w+)"', sources))
    text = cli.read_text(encoding="utf-8")
    for words in ("## dnpm info", "### dnpm evaluate spectrum", "| `--json` | one JSON object on stdout", "`--seed N`"):
        assert words in text
    panels = (reference / "panels.md").read_text(encoding="utf-8")
    assert "`DNPM_PT_detail`, a panel, inside `DNPM_PT_main`" in panels
    properties = (reference / "properties.md").read_text(encoding="utf-8")
    assert "`object.dnpm_face`" in properties
    assert "| `device` | Device | enum, auto |" in properties


GUIDES = (
    "first_face", "sliders", "board", "speech", "photo", "capture", "video", "rendering", "headless", "training",
    "evaluation",
)  # fmt: skip
OF_BLENDER = {"Preferences", "Add-ons", "Add", "Mesh", "File", "Export", "glTF"}


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{name}.md" for name in GUIDES)])
def test_labels_that_pages_name_are_those_of_the_interface(page: str, reference: Path) -> None:
    """Words in *italics* that begin with a capital are labels of panels, operators, properties and choices."""
    made = "".join(
        (reference / f"{name}.md").read_text(encoding="utf-8") for name in ("operators", "panels", "properties")
    )
    labels = set(re.findall(r"^## (.+)$", made, re.MULTILINE)) | OF_BLENDER
    labels |= {label.strip() for label in re.findall(r"^\| `\w+` \| ([^|]+) \|", made, re.MULTILINE)}
    labels |= {label.strip() for label in re.findall(r"`\w+` ([A-Z][^,|`]+)", made)}
    sources = [
        file.read_text(encoding="utf-8") for room in ("panels", "operators") for file in (ROOT / room).rglob("*.py")
    ]
    labels |= {text for source in sources for text in re.findall(r'(?:text|name)="([^"]+)"', source)}
    text = re.sub(r"\*\*[^*]+\*\*", "", (ROOT / page).read_text(encoding="utf-8"))
    named = re.findall(r"(?<![\w*])\*([A-Z][^*\n]+(?:\n[^*\n]+)?)\*(?![\w*])", text)
    parts = {part.strip() for name in named for part in " ".join(name.split()).split(" > ")}
    assert {part for part in parts - labels if not part.startswith("DNPM: ")} == set()


def test_the_readme_is_easy_to_read() -> None:
    """Sentences and rows of tables: at most 20 words on average, none above 35; commands, pictures, headings apart."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"^(    |#|!).*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    paragraphs = re.split(r"\n\s*\n|\n(?=\d\.|- |\|)", text)
    sentences = [s.split() for part in paragraphs for s in re.split(r"(?<=[.!?])\s+", " ".join(part.split()))]
    lengths = [len(words) for words in sentences if len(words) > 1]
    assert len(lengths) > 40
    assert sum(lengths) / len(lengths) <= 20
    assert max(lengths) <= 35


def test_equations_become_mathml(site: ModuleType) -> None:
    made = site._with_equations("the map $V_r$, and\n\n$$V_h = V_p + s \\, V_r$$\n")
    assert made.count("<math") == 2
    assert "$" not in made
    assert 'display="block"' in made


def test_links_are_rewritten_for_the_site(site: ModuleType) -> None:
    rewritten = lambda text, uri: site._LINK.sub(lambda m: site._rewritten(m, uri), text)  # noqa: E731
    assert rewritten("[a](docs/speech.md#decoder)", "index.md") == "[a](speech.md#decoder)"
    assert rewritten("![a](docs/pictures/people.jpg)", "index.md") == "![a](pictures/people.jpg)"
    assert rewritten("[a](../weights/README.md)", "photo.md") == "[a](weights.md)"
    assert rewritten("[a](../README.md)", "tables/table1.md") == "[a](../README.md)"
    assert rewritten("[a](https://example.org/docs/a.md)", "photo.md") == "[a](https://example.org/docs/a.md)"
    line = site.line_of(ROOT / "core/errors.py", "DnpmError")
    assert rewritten("[a](../core/errors.py#DnpmError)", "photo.md") == f"[a](source/core/errors.py.md#line-0-{line})"
    text, code = site._code_taken_out("see `[a](b.md)` and [`c`](d.md)")
    assert "b.md" not in text
    assert "[`c`](d.md)" in text
    assert code == ["`[a](b.md)`"]


def test_every_page_of_the_site_is_in_its_menu() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r": ([a-z_]+\.md)$", text, re.MULTILINE))
    pages = {page.name for page in (ROOT / "docs").glob("*.md")}
    assert named - pages == {"index.md", "contributing.md", "changelog.md", "weights.md"}
    assert pages <= named


def test_the_worker_can_be_called_without_its_process(tiny_parts: Path, monkeypatch, capsys) -> None:
    """CONTRIBUTING's example, on tiny weights."""
    monkeypatch.setenv("DNPM_FACE_MODEL", str(tiny_parts / "tiny.safetensors"))
    monkeypatch.setenv("DNPM_WEIGHTS", str(tiny_parts / "weights"))
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    exec(compile(code, "CONTRIBUTING.md", "exec"), {})
    assert capsys.readouterr().out.strip()
