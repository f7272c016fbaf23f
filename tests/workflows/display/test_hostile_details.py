"""A run's page, summary and steering help in the Web UI show hostile text as text: no link, image, HTML or block."""

import re
from datetime import UTC, datetime

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from quire.contracts import Job
from quire.progress import FailedSlot, Group, Result
from quire.request import ModelChoice, Request
from runtime.temporal.run_description import build_steering_help, build_summary
from tests.support.hostile_texts import HOSTILE_TEXTS, find_control_characters
from tests.support.progress import sample_progress
from workflows.display.web_ui_markdown import link_to_run
from workflows.display.web_ui_page import Page, render_run_page
from workflows.state.state import State

AUTOLINK = re.compile(r"://|\bwww\.|mailto:|\w@\w", re.IGNORECASE)
FORBIDDEN = {"link_open", "image", "html_block", "html_inline", "fence", "code_block", "hr", "blockquote_open"}


def list_tokens(markdown: str) -> list[Token]:
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    return [inner for token in tokens for inner in (token, *(token.children or ()))]


def expect_text_only(markdown: str) -> list[Token]:
    tokens = list_tokens(markdown)
    assert not {token.type for token in tokens} & FORBIDDEN, markdown
    assert not find_control_characters(markdown), ascii(markdown)
    assert not [token.content for token in tokens if token.type == "text" and AUTOLINK.search(token.content)], markdown
    return tokens


def render_page(text: str) -> str:
    groups = [Group(name=text, target=5, failed=1)]
    progress = sample_progress(
        noun=text, group_word=text, groups=groups, why=text, stage="paused", waits_for="person", failed=1
    )
    result = Result.model_validate(
        {
            "workflow_id": "one", "recipe": text, "verdict": "partial", "target": 9, "items": 5, "artifact": text,
            "noun": text, "batches": {}, "rounds": 1, "usage": {}, "warnings": [text, text], "seconds": 1.0,
            "failed_slots": [FailedSlot(slot=text, reason=text)], "failed_total": 1,
        }
    )  # fmt: skip
    job = Job(workflow_id="one", store=text)
    request = Request(recipe="custom", model=ModelChoice(name=text))
    return render_run_page(Page(State(), progress, request, job, "default", datetime.now(UTC), result=result))


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_a_page_has_the_same_blocks_whatever_its_texts_are(text):
    def list_blocks(markdown: str) -> list[str]:
        inline = ("text", "code_inline", "text_special")
        return [token.type for token in expect_text_only(markdown) if token.type not in inline]

    assert list_blocks(render_page(text)) == list_blocks(render_page("a word"))


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_summary_and_steering_help(text):
    summary = build_summary(Request(recipe=text, model=ModelChoice(name=text)))
    assert len(summary.encode()) <= 200 and "\n" not in summary
    expect_text_only(summary)
    expect_text_only(build_steering_help(text))
    links = [token for token in list_tokens(link_to_run(text, "default", text)) if token.type == "link_open"]
    assert [str(link.attrs["href"]).split("/")[:3] for link in links] == [["namespaces", "default", "workflows"]]
