"""Hooks of MkDocs (`make docs`): pages from outside docs/, links to source files, equations.

- README.md is the home page; CONTRIBUTING.md, CHANGELOG.md and weights/README.md are pages too. Their links are written
  for the repository, and turned into the site's here.
- build/reference holds the pages that `scripts/make_reference.py` generated.
- A link to a file of the repository, as `[text](../core/errors.py#DnpmError)`, leads to a page with that file, at the
  line of the class or function after the #.
- Equations in LaTeX ($...$, $$...$$) become MathML, which browsers draw without a script.

With `--strict` a link to what does not exist fails the build.
"""

from __future__ import annotations

import ast
import logging
import posixpath
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = {
    "README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md",
    "weights/README.md": "weights.md",
}  # fmt: skip
"""Path in the repository -> page of the site."""
GENERATED = "build/reference"
SHOWN = {".py": "python", ".sh": "bash", ".toml": "toml", ".yml": "yaml", ".json": "json", "": "text"}
"""Endings of files that links may show, and the language that they are coloured as."""
MATH = {"concepts.md", "glossary.md"}
_LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)(\))")
_CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
log = logging.getLogger("mkdocs.hooks.docs_site")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what does not lie in docs/."""
    for inside, page in OUTSIDE.items():
        if (ROOT / inside).is_file():
            files.append(File.generated(config, page, content=(ROOT / inside).read_text(encoding="utf-8")))
    for file in sorted((ROOT / GENERATED).glob("*.md")):
        files.append(File.generated(config, f"reference/{file.name}", content=file.read_text(encoding="utf-8")))
    linked: set[str] = set()
    for file in list(files.documentation_pages()):
        for _, target, _ in _LINK.findall(_without_code(file.content_string)):
            name = _in_repository(file.src_uri, target)
            if name is not None and (ROOT / name).is_file() and Path(name).suffix in SHOWN:
                linked.add(name)
    for name in sorted(linked):
        files.append(File.generated(config, f"source/{name}.md", content=_source_page(name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links for the site, equations as MathML; code stays as it is."""
    uri = page.file.src_uri
    if uri.startswith("source/"):
        return markdown
    text, code = _code_taken_out(markdown)
    text = _LINK.sub(lambda m: _rewritten(m, uri), text)
    text = re.sub("\0(\\d+)\0", lambda m: code[int(m[1])], text)
    if uri in MATH:
        pieces = _CODE.split(text)
        text = "".join(piece if piece.startswith("`") else _with_equations(piece) for piece in pieces)
    return text


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """MkDocs finds the anchors of headings by itself, those of a file's lines must be told."""
    if page.file.src_uri.startswith("source/"):
        page.present_anchor_ids = (page.present_anchor_ids or set()) | set(re.findall(r'id="(line-0-\d+)"', html))
    return html


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Nothing is loaded from elsewhere: a page must not depend on, or tell, another server."""
    for url in re.findall(
        r"<(?:script|img|iframe)[^>]*\bsrc=\"(https?:[^\"]*)|<link[^>]*stylesheet[^>]*href=\"(https?:[^\"]*)", output
    ):
        log.warning("%s loads %s from elsewhere", page.file.src_uri, "".join(url))
    return output


def _code_taken_out(text: str) -> tuple[str, list[str]]:
    """The text with a mark in the place of each code that holds a link, which is none there; and that code.

    The text of a link may be code, which stays."""
    code: list[str] = []

    def take(match: re.Match[str]) -> str:
        if "](" not in match[0] and not match[0].startswith("```"):
            return match[0]
        code.append(match[0])
        return f"\0{len(code) - 1}\0"

    return _CODE.sub(take, text), code


def _without_code(text: str) -> str:
    return _code_taken_out(text)[0]


def _in_repository(uri: str, target: str) -> str | None:
    """The repository's path of a link's target, None for an address, an anchor or an absolute path."""
    path = target.split("#")[0]
    if not path or path.startswith("/") or re.match(r"[a-z]+:", path):
        return None
    name = posixpath.normpath(posixpath.join(posixpath.dirname(_source_of(uri)), path))
    return None if name.startswith("..") else name


def _source_of(uri: str) -> str:
    """Where a page's text stands in the repository."""
    known = {page: inside for inside, page in OUTSIDE.items()}
    return known.get(uri) or f"docs/{uri}"


def _rewritten(match: re.Match[str], uri: str) -> str:
    start, target, end = match.groups()
    name = _in_repository(uri, target)
    if name is None:
        return match[0]
    anchor = target.partition("#")[2]
    if name in OUTSIDE:
        page = OUTSIDE[name]
    elif name.startswith("docs/"):
        page = name.removeprefix("docs/")
    elif (ROOT / name).is_file() and Path(name).suffix in SHOWN:
        page, anchor = f"source/{name}.md", _line_anchor(name, anchor, uri)
    else:
        log.warning("%s: links to %s, which is not a page and no file that can be shown", _source_of(uri), name)
        return match[0]
    relative = posixpath.relpath(page, posixpath.dirname(uri) or ".")
    return f"{start}{relative}{'#' if anchor else ''}{anchor}{end}"


def _line_anchor(name: str, qualified: str, uri: str) -> str:
    """The anchor of the line where a class, function or constant ("Generator.forward") begins."""
    if not qualified:
        return ""
    line = line_of(ROOT / name, qualified)
    if line is None:
        log.warning("%s: links to %s in %s, where there is none", _source_of(uri), qualified, name)
        return ""
    return f"line-0-{line}"


def line_of(file: Path, qualified: str) -> int | None:
    """The line where a name of a Python file is defined, None when it is not."""
    body: list[Any] = ast.parse(file.read_text(encoding="utf-8")).body
    line = None
    for part in qualified.split("."):
        for node in body:
            names = [getattr(node, "name", None)]
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            if part in names:
                line, body = node.lineno, getattr(node, "body", [])
                break
        else:
            return None
    return line


def _source_page(name: str) -> str:
    text = (ROOT / name).read_text(encoding="utf-8")
    language = SHOWN[Path(name).suffix]
    head = "---\nsearch: {exclude: true}\nhide: [toc]\n---\n"
    return f'{head}# {name}\n\n`````{language} linenums="1"\n{text.rstrip()}\n`````\n'


def _with_equations(text: str) -> str:
    text = re.sub(r"\$\$(.+?)\$\$", lambda m: convert(m[1].strip(), display="block"), text, flags=re.DOTALL)
    return re.sub(r"\$([^$\n]+)\$", lambda m: convert(m[1]), text)
