"""The ways to paste a picture somewhere else."""

from dataclasses import dataclass
from html import escape

_BRACKETS = str.maketrans({"[": "(", "]": ")", "\\": " "})


@dataclass(frozen=True, slots=True)
class CopyFormat:
    """One way to paste a picture somewhere."""

    key: str
    label: str
    text: str


def copy_formats(*, title: str, link: str, direct: str) -> tuple[CopyFormat, ...]:
    """*link* is the picture's page, *direct* its bytes, both absolute. The title is made harmless in each format."""
    html = f'<a href="{link}"><img src="{direct}" alt="{escape(title)}"></a>'
    return (
        CopyFormat("url", "URL", link),
        CopyFormat("markdown", "Markdown", f"![{title.translate(_BRACKETS)}]({direct})"),
        CopyFormat("html", "HTML", html),
        CopyFormat("bbcode", "BBCode", f"[url={link}][img]{direct}[/img][/url]"),
    )
