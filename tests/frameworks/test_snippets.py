from __future__ import annotations

import pytest

from tests.frameworks.snippets import commands_of, run_page


def test_commands_of_tables_and_blocks_come_in_the_order_of_the_page():
    page = """
| what | `edge-sdk one -o a` |
```sh
pip install x  # a comment
edge-sdk two \\
    --more 'b c'
ls
```
| what | `edge-sdk three` |
"""
    assert commands_of(page) == [
        ["edge-sdk", "one", "-o", "a"],
        ["pip", "install", "x"],
        ["edge-sdk", "two", "--more", "b c"],
        ["edge-sdk", "three"],
    ]


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("```python\n1 / 0\n```\n```sh\nedge-sdk --version\n```", "ZeroDivisionError"),
        ("```sh\nedge-sdk convert nothing.pt -o model.onnx\n```", "exit code 3"),
        ('```sh\npip install "edge-sdk[convert-nothing]"\n```', "expected extras of pyproject.toml"),
        ("words alone", "has no command"),
    ],
)
def test_a_page_that_is_not_true_fails(page, told, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.frameworks.snippets.PAGES", tmp_path)
    (tmp_path / "page.md").write_text(page)
    with pytest.raises(AssertionError, match=told):
        run_page("page", tmp_path)


def test_a_block_with_a_name_is_a_file_that_commands_run(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.frameworks.snippets.PAGES", tmp_path)
    (tmp_path / "page.md").write_text("```sh\npython say.py\n```\n```python\n# say.py, here\nprint('said')\n```\n")
    assert run_page("page", tmp_path).strip() == "said"
