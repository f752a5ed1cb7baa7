from typing import get_args

from edge_sdk.cli.options import TaskWord
from edge_sdk.tasks import TaskKind


def test_the_words_of_the_command_line_are_the_tasks():
    assert get_args(TaskWord) == get_args(TaskKind)
