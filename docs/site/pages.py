"""A hook of mkdocs: pages from outside docs/, and links that leave it.

The Markdown is written for a checkout. Its links are relative paths, also to source files, and
README, change log and specification of training lie where a reader of the code looks for them.
"""

import logging
import posixpath
import re
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = {
    "README.md": "project.md",
    "CHANGELOG.md": "changelog.md",
    "walrusd/training/SPEC.md": "training.md",
}
"""Pages of the site that are not in docs/, by their place in the repository."""

_LOG = logging.getLogger("mkdocs.hooks.pages")  # a warning ends a strict build
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LIST_IN_PARAGRAPH = re.compile(r"^(?!\s|[-*+] |\d+\. )(.+)\n(?=[-*+] )", re.MULTILINE)
_IN_LIST = re.compile(r"(?<=\n\n) {2,3}(?=\S)|^ {2,3}(?=\|)", re.MULTILINE)
_LINK = re.compile(r"\[((?:[^\[\]]|\\.)*)\]\(([^)\s#]*)(#[^)\s]*)?\)")


def slugify(heading: str, separator: str) -> str:
    """Return the anchor of a heading as forges make it, so that links work in both places."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", separator)


def rewrite(markdown: str, source: Path, page: str, repository: str) -> str:
    """Return a page with the links of the site, with lists and tables set off as mkdocs wants.

    ``source`` is the file that it was read from, ``page`` its path in the site, ``repository`` the
    address of the repository at a forge. Without one, links to source files become plain text.
    """
    replace = partial(_replace, source=source, page=page, repository=repository)
    parts = _FENCE.split(markdown)
    for i in range(0, len(parts), 2):  # the others are code
        text = _LIST_IN_PARAGRAPH.sub(r"\1\n\n", parts[i])
        parts[i] = _LINK.sub(replace, _IN_LIST.sub("    ", text))
    return "".join(parts)


def _replace(link: re.Match[str], source: Path, page: str, repository: str) -> str:
    label, target, anchor = link[1], link[2], link[3] or ""
    if not target or ":" in target:
        return link[0]
    path = (source.parent / target).resolve()
    if not path.is_relative_to(ROOT) or not path.exists():
        _LOG.warning("%s links to %s, which does not exist", source, target)
        return link[0]
    name = path.relative_to(ROOT).as_posix()
    if name in PAGES or (path.suffix == ".md" and path.is_relative_to(DOCS)):
        there = PAGES.get(name) or path.relative_to(DOCS).as_posix()
        return f"[{label}]({posixpath.relpath(there, posixpath.dirname(page) or '.')}{anchor})"
    return f"[{label}]({repository}/blob/HEAD/{name}{anchor})" if repository else label


def on_config(config: Any) -> Any:
    """Make anchors as forges do."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = slugify
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages from outside docs/."""
    from mkdocs.structure.files import File  # noqa: PLC0415  # links are tested without mkdocs

    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001  # mkdocs passes files
    """Rewrite the links of a page."""
    source = Path(page.file.abs_src_path)
    return rewrite(markdown, source, page.file.src_uri, (config.repo_url or "").rstrip("/"))
