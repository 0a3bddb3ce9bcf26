"""Documents of incidents: whatever a text holds, it is shown and never obeyed, and no secret is handed on."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bakeryops.incident.as_html import html
from bakeryops.incident.as_markdown import markdown
from bakeryops.incident.document import (
    BYTES_MOST,
    Document,
    Grid,
    Heading,
    Items,
    Text,
    Verbatim,
    sealed,
)
from bakeryops.masking import mask_lines
from tests.support.hostile import HOSTILE, offences

MARKUP = (
    "```\n# out\n```",
    "````` five",
    "~~~",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</pre></td></table><h1>mine</h1>",
    "<!-- hidden -->",
    "<![CDATA[x]]>",
    "[click](javascript:alert(1))",
    "![image](http://evil.example/x.png)",
    "[ref]: http://evil.example",
    "<http://evil.example>",
    "http://evil.example/a?b=c&d",
    "www.evil.example",
    "a | b | c",
    "a \\| b \\",
    "| --- |",
    "---",
    "===",
    "# heading",
    "> quote",
    "- list",
    "+ list",
    "* list",
    "1. list",
    "999999999) list",
    "    code",
    "**bold** _it_ ~~gone~~ `code`",
    "&lt;b&gt; &amp;amp; &#60;",
    "$x$ and $$y$$",
    "\\",
    "a\\",
    "{{ template }} {% raw %}",
)
TEXTS = (*MARKUP, *HOSTILE)
PARTS = ("heading_open", "paragraph_open", "bullet_list_open", "list_item_open", "table_open", "fence")
STRANGE = {"html_block", "html_inline", "link_open", "image", "code_block", "hr", "blockquote_open", "ordered_list_open",
           "em_open", "strong_open", "s_open", "code_inline", "hardbreak", "softbreak"}  # fmt: skip


def whole(text: str) -> Document:
    """A document with one text in every place."""
    return Document(
        text,
        (
            Heading(1, text),
            Text(text),
            Items((text, text)),
            Grid((text, "b"), ((text, text), ("x", text))),
            Verbatim((text, "x", text)),
            Verbatim((f"+{text}", text), diff=True),
            Verbatim(("x", text), marked=1),
        ),
    )


def parsed(text: str) -> list[Token]:
    return MarkdownIt("commonmark", {"linkify": False}).enable(["table", "strikethrough"]).parse(text)


def every(tokens: list[Token]) -> list[Token]:
    return [each for token in tokens for each in (token, *(token.children or ()))]


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_becomes_markup_of_markdown(text: str) -> None:
    document = sealed(whole(text))
    tokens = parsed(markdown(document))
    assert not {each.type for each in every(tokens)} & STRANGE
    counts = {part: sum(each.type == part for each in tokens) for part in PARTS}
    assert counts["fence"] == 3
    assert (counts["table_open"], counts["bullet_list_open"], counts["list_item_open"]) == (1, 1, 2)
    cells = [each for each in tokens if each.type in ("th_open", "td_open")]
    assert len(cells) == 6


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_shown_is_the_text_itself(text: str) -> None:
    document = sealed(whole(text))
    [paragraph] = [each for each in document.blocks if isinstance(each, Text)]
    shown = [
        "".join(part.content for part in each.children or ())
        for each in parsed(markdown(document))
        if each.type == "inline"
    ]
    if paragraph.text:
        # The title, the heading, the paragraph, both points, three cells.
        assert sum(each.split() == paragraph.text.split() for each in shown) >= 7, shown
    fences = [each.content for each in parsed(markdown(document)) if each.type == "fence"]
    lines = [each for each in document.blocks if isinstance(each, Verbatim)]
    assert fences[0] == "".join(f"{line}\n" for line in lines[0].lines)
    assert fences[1] == "".join(f"{line}\n" for line in lines[1].lines)


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_disturbs_a_terminal(text: str) -> None:
    document = sealed(whole(text))
    assert offences(markdown(document).encode()) == []
    assert offences(html(document).encode()) == []


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: set[tuple[str, str]] = set()
        self.seen: set[str] = set()
        self.text: list[str] = []
        self.comments = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {(tag, name) for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments += 1


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_becomes_markup_of_html(text: str) -> None:
    document = sealed(whole(text))
    page = html(document)
    tags = Tags()
    tags.feed(page)
    tags.close()
    assert tags.open == []
    assert tags.comments == 0
    assert tags.seen <= {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "ul", "li", "table", "tr", "th", "td",
                         "pre", "mark", "span"}  # fmt: skip
    assert {name for _, name in tags.attributes} <= {"lang", "charset", "http-equiv", "content", "name", "class"}
    shown = "".join(tags.text)
    for block in document.blocks:
        if isinstance(block, Text):
            assert block.text in shown


def test_html_fetches_nothing_and_runs_nothing() -> None:
    page = html(sealed(whole("x")))
    assert "default-src &#x27;none&#x27;" in page
    assert not re.search(r"<script|src=|href=|url\(|@import", page)


@given(st.lists(st.text(alphabet="`~x \\", max_size=12), min_size=1, max_size=6))
def test_a_fence_is_longer_than_any_in_it(lines: list[str]) -> None:
    document = sealed(Document("t", (Verbatim(tuple(lines)), Text("after"))))
    fences = [each for each in parsed(markdown(document)) if each.type == "fence"]
    [block] = [each for each in document.blocks if isinstance(each, Verbatim)]
    assert [each.content for each in fences] == ["".join(f"{line}\n" for line in block.lines)]


@given(st.text(max_size=80))
def test_any_text_is_one_paragraph_of_that_text(text: str) -> None:
    document = sealed(Document("t", (Text(text), Text("after"))))
    [first, _] = [each for each in document.blocks if isinstance(each, Text)]
    tokens = parsed(markdown(document))
    assert not {each.type for each in every(tokens)} & STRANGE
    shown = ["".join(part.content for part in each.children or ()) for each in tokens if each.type == "inline"]
    assert "".join(shown[1:-1]).split() == first.text.split()


SECRETS = (
    "postgres://auth:hunter2@db/auth",
    "password=hunter2",
    "DB_PASSWORD: hunter2",
    "--token hunter2",
    "Authorization: Bearer hunter2hunter2",
    '{"password": "hunter2"}',
)


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_hidden_wherever_they_stand(secret: str) -> None:
    document = sealed(whole(secret))
    assert "hunter2" not in markdown(document)
    assert "hunter2" not in html(document)


@pytest.mark.parametrize("mark", ["+", "-", " "])
def test_secrets_are_hidden_in_changed_lines(mark: str) -> None:
    lines = mask_lines([f"{mark}{each}" for each in SECRETS], diff=True)
    assert all("hunter2" not in each and each.startswith(mark) for each in lines)


def test_a_private_key_is_hidden_line_by_line_and_the_lines_stay_as_many() -> None:
    key = ["before", "-----BEGIN RSA PRIVATE KEY-----", "MIIEabc", "def", "-----END RSA PRIVATE KEY-----", "after"]
    for lines in (mask_lines(key), mask_lines([f"+{each}" for each in key], diff=True)):
        assert len(lines) == len(key)
        assert not re.search("MIIE|def|BEGIN|END", "".join(lines))
        assert lines[0].endswith("before")
        assert lines[-1].endswith("after")


def test_sealing_twice_is_sealing_once() -> None:
    for text in (*TEXTS, *SECRETS):
        once = sealed(whole(text))
        assert sealed(once) == once


def test_a_document_stays_within_its_size_and_says_so() -> None:
    lines = tuple(f"{number} " + "x" * 480 for number in range(200))
    document = sealed(Document("t", (Heading(1, "first"), *[Verbatim(lines)] * 80, Heading(1, "last"))))
    text = markdown(document)
    assert len(text.encode()) < BYTES_MOST + 20_000
    assert "## last" in text
    assert re.search(r"\d+ parts were left out", text)
    assert "left out" not in markdown(sealed(Document("t", (Verbatim(lines),))))


def test_long_lines_are_cut() -> None:
    [block] = sealed(Document("t", (Verbatim(("y" * 100_000,)),))).blocks
    assert isinstance(block, Verbatim)
    assert len(block.lines[0]) == 500
