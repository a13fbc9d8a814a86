"""Parts of a page that stands alone: tables, pictures and cards; every text is escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape


def table(heading: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """A table with a line of names; the caption is for those who cannot see what stands around it."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in heading)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def picture(png: bytes, words: str) -> str:
    """A picture inside the page; `words` say what is to be seen on it."""
    data = base64.b64encode(png).decode()
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{data}">'


def card(figure: str, meaning: str, *, good: bool = False) -> str:
    """A large figure and what it is."""
    mark = ' class="good"' if good else ""
    return f"<div><b{mark}>{escape(figure)}</b><span>{escape(meaning)}</span></div>"


def paragraphs(sentences: Iterable[str]) -> str:
    """A paragraph each."""
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
