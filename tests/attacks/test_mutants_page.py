"""The page about attacks shows the tables of mutants as they are, and names only what exists."""

import re

import pytest

from tests.support.attack_page import BEGIN, END, PAGE, modules, mutants_of, tables
from tests.support.source_tree import ROOT


def test_the_page_shows_every_mutant():
    shown = PAGE.read_text(encoding="utf-8").partition(f"{BEGIN}\n")[2].partition(f"\n{END}")[0]
    assert shown == tables(), "run python -m tests.support.attack_page"


def test_files_that_the_page_names_exist():
    named = re.findall(r"`(tests/[\w/]+\.py)`", PAGE.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_every_file_of_mutants_has_a_table():
    assert [module for module in modules() if not list(mutants_of(module))] == []


@pytest.mark.parametrize("module", modules())
def test_no_mutant_is_there_twice(module):
    listed = [(one.check, one.story, repr(one.given)) for one in mutants_of(module)]
    assert len(listed) == len(set(listed))
