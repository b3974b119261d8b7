"""Traits in words: one reviewed table for the record block, the offline writer and the export."""

from __future__ import annotations

import random
import re
from collections import Counter
from typing import Any

import pytest

from census import codes
from udfs import prompts, traits
from udfs.offline_writer import record

UUIDS = [f"{random.Random(i).getrandbits(128):032x}" for i in range(4000)]
EVERY = [
    (trait, band, words)
    for trait, bands in traits.WORDS.items()
    for band, wordings in enumerate(bands)
    for words in wordings
]


def block_of(**changes: Any) -> dict[str, str]:
    """The parsed record block of a man of 40 of whom little is known."""
    person = {"uuid": "u", "sex": "M", "age_years": 40, "first_name": "Davi", "last_name": "Moura"}
    return prompts.parse_record_block(prompts.record_block(person | changes, 0))


@pytest.mark.parametrize(
    ("score", "band"), [(20, 0), (34.9, 0), (35, 1), (44.9, 1), (45, 2), (55, 3), (64.9, 3), (65, 4), (80, 4)]
)
def test_trait_bands_begin_at_their_lower_end(score: float, band: int) -> None:
    assert traits.band(score) == band


def test_every_band_has_the_same_number_of_wordings_and_no_two_are_alike() -> None:
    assert tuple(traits.WORDS) == codes.TRAITS == tuple(prompts.TRAIT_LABELS)
    assert {len(bands) for bands in traits.WORDS.values()} == {len(traits.BAND_ENDS) + 1}
    assert {len(wordings) for bands in traits.WORDS.values() for wordings in bands} == {traits.WORDINGS}
    assert traits.WORDINGS >= 4
    assert len({words for _, _, words in EVERY}) == len(EVERY)


def test_every_wording_shows_a_good_side_and_a_bad_one_in_everyday_words() -> None:
    for _, _, words in EVERY:
        assert words.count(", mas ") == 1, words
        assert len(words) <= 110 and words[0].islower() and words[-1] not in ".;"
        assert re.fullmatch(r"[^{}:|]*", words.replace("{o}", "")), words
        assert not re.search(r"neur[óo]|extrover|introver|ansios|personalidade|trauma|emocionalmente", words)


@pytest.mark.parametrize("sex", codes.SEXES)
def test_the_offline_writer_knows_every_wording(sex: str) -> None:
    for trait, band, words in EVERY:
        label = prompts.TRAIT_LABELS[trait]
        person = record.read({prompts.FIRST_NAME: "Ana", label: prompts.inflect(words, sex)})
        assert person.bands[trait] == band


def test_a_band_s_wordings_are_all_met_and_about_as_often() -> None:
    for trait in codes.TRAITS:
        met = Counter(traits.wording(uuid, trait) for uuid in UUIDS)
        assert set(met) == set(range(traits.WORDINGS))
        expected = len(UUIDS) / traits.WORDINGS
        assert max(abs(count - expected) for count in met.values()) < 4.5 * expected**0.5


def test_the_wording_of_one_trait_says_nothing_of_another_s() -> None:
    pairs = Counter((traits.wording(u, "openness") % 4, traits.wording(u, "neuroticism") % 4) for u in UUIDS)
    assert len(pairs) == 16
    expected = len(UUIDS) / 16
    assert max(abs(count - expected) for count in pairs.values()) < 4.5 * expected**0.5


def test_the_wording_depends_on_the_person_and_the_trait_alone() -> None:
    label = prompts.TRAIT_LABELS["agreeableness"]
    told = {
        block_of(agreeableness=50.0, race=race, state_name=state, region_name=region, age_years=age, attempt=attempt)[
            label
        ]
        for race in codes.RACES
        for state, region in (("Acre", "Norte"), ("Bahia", "Nordeste"))
        for age in (20, 80)
        for attempt in (0, 1)
    }
    assert len(told) == 1
    others = {block_of(uuid=uuid, agreeableness=50.0)[label] for uuid in UUIDS[:200]}
    assert len(others) > traits.WORDINGS // 2
