"""Every language says every sentence, with the same figures in it."""

import string

import pytest

from bot.proposals.wording import LANGUAGES, SENTENCES, say
from tests.unit.proposals.proposal_facts import D


def figures(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_the_same_sentences_with_the_same_figures(language: str) -> None:
    english, other = SENTENCES["en"], SENTENCES[language]
    assert other.keys() == english.keys()
    for key, template in english.items():
        assert figures(other[key]) == figures(template), key


def test_numbers_are_written_in_full() -> None:
    assert say("en", "explain_weakest", part="calm", score=D("1E-7")).startswith(
        "Weakest part: calm (0.0000001"
    )


def test_a_missing_figure_is_a_defect_and_not_a_hole_in_the_sentence() -> None:
    with pytest.raises(KeyError):
        say("en", "no_balance")
