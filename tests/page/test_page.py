from __future__ import annotations

from edge_sdk.page import code, document, folded, table


def test_what_was_given_as_text_is_escaped():
    whole = document("<b>", "a & b", [code("<i>"), folded("<u>", "<p>inner</p>")])
    assert "<h1>&lt;b&gt;</h1>" in whole
    assert "a &amp; b" in whole
    assert "<code>&lt;i&gt;</code>" in whole
    assert "<summary>&lt;u&gt;</summary><p>inner</p>" in whole


def test_a_page_needs_nothing_else():
    whole = document("t", "", [])
    assert "<script" not in whole
    assert "http" not in whole
    assert "prefers-color-scheme: dark" in whole


def test_a_table_names_its_rows_and_scrolls_by_itself():
    made = table(("name", "value"), [("a", "1")], about="few & many")
    assert 'aria-label="few &amp; many"' in made
    assert '<th scope="row">a</th><td>1</td>' in made
