"""MkDocs' hook: README.md and CHANGELOG.md become pages, and links to files that the site hasn't plain text."""  # noqa: INP001 - a script among documents

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "CHANGELOG.md": "CHANGELOG.md"}
_ELSEWHERE = re.compile(
    r"\[([^\]]+)\]\((?:\.\./)*(?:README|CONTRIBUTING|SECURITY|LICENSE|examples|tests|tasks|action)\b[^)]*\)"
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/, with their links to it."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text()
        files.append(File.generated(config, page, content=re.sub(r"\]\(docs/", "](", text)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Keep the words of a link to a file that the site hasn't."""
    return _ELSEWHERE.sub(r"\1", markdown)
