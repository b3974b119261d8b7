"""Signatures of texts, their bands, and the search over planted near duplicates."""

from __future__ import annotations

import random
import string

import numpy as np
import pyarrow as pa
import pytest

from census import duplicates
from udfs import alike, masking, minhash
from udfs.alike import Found, Member

PAIRS = 400
LETTERS = string.ascii_lowercase


def planted(jaccard: float, seed: int) -> tuple[str, str]:
    """Two random texts whose shingles have this Jaccard index: the end of the second is written anew."""
    rng = random.Random(seed)
    shingles = 400
    shared = round(2 * jaccard / (1 + jaccard) * shingles)
    text = "".join(rng.choices(LETTERS, k=shingles + minhash.SHINGLE - 1))
    kept = text[: shared + minhash.SHINGLE - 1]
    return text, kept + "".join(rng.choices(LETTERS, k=len(text) - len(kept)))


def member(text: str, number: int) -> Member:
    (keys,) = minhash.band_keys(minhash.signatures([text]))
    return Member(f"{number:032d}", minhash.text_id(text), text, keys.tolist())


def flagged(found: list[Found]) -> set[tuple[int, bool]]:
    return {(int(row.uuid), bool(row.is_exact)) for row in found if row.uuid is not None}


@pytest.mark.parametrize("jaccard", [0.95, 0.8, 0.6])
def test_planted_pairs_meet_as_often_as_the_curve_of_the_bands_says(jaccard):
    pairs = [planted(jaccard, seed) for seed in range(PAIRS)]
    found = [duplicates.jaccard(set(minhash.shingles(a)), set(minhash.shingles(b))) for a, b in pairs]
    assert np.mean(found) == pytest.approx(jaccard, abs=0.01)
    keys = minhash.band_keys(minhash.signatures([text for pair in pairs for text in pair]))
    met = (keys[0::2] == keys[1::2]).any(axis=1).mean()
    chance = duplicates.found_chance(jaccard, bands=minhash.BANDS, rows=minhash.ROWS)
    assert abs(met - chance) <= 4 * max(chance * (1 - chance), 1e-4) ** 0.5 / PAIRS**0.5


def test_a_signature_is_of_the_text_alone_whatever_stands_beside_it():
    texts = ["uma frase comprida", "", "abc", "outra frase, com acentuação", "abc"]
    together = minhash.signatures(texts)
    apart = np.concatenate([minhash.signatures([text]) for text in texts])
    assert together.tolist() == apart.tolist()
    assert together[2].tolist() == together[4].tolist() != together[1].tolist()


def test_the_order_of_its_shingles_is_nothing_to_a_signature():
    a, b = "abcdefghabcdefgh", "efghabcdefghabcd"
    assert set(minhash.shingles(a)) == set(minhash.shingles(b))
    assert minhash.signatures([a]).tolist() == minhash.signatures([b]).tolist()


def test_keys_of_different_texts_and_bands_do_not_meet():
    texts = ["".join(random.Random(n).choices(LETTERS, k=200)) for n in range(500)]
    keys = minhash.band_keys(minhash.signatures(texts))
    assert len(np.unique(keys)) == keys.size


def test_a_print_holds_every_text_masked_with_its_id_and_keys():
    record = {"uuid": "1", "sex": "F", "region": "Norte", "race": "preta", "stratum": "AC|x|F", "place": 3}
    record |= {"first_name": "Ana", "middle_name": None, "last_name": "Sá", "municipality_name": "Feijó"}
    record |= {"state_name": "Acre", "persona": "Ana vive em Feijó.", "skills": "Borda bem."}
    (found,) = minhash.prints([pa.RecordBatch.from_pylist([record])], ["persona", "skills"])
    (row,) = found.to_pylist()
    assert row["masked"] == ["# vive em #", "borda bem"]
    assert row["ids"] == [minhash.text_id(text) for text in row["masked"]]
    keys = minhash.band_keys(minhash.signatures(row["masked"]))
    assert row["bands"] == keys.ravel().tolist()
    assert (row["race"], row["stratum"], row["place"]) == ("preta", "AC|x|F", 3)


def test_a_pair_is_compared_in_the_first_band_that_it_shares_only():
    a, b = (member(text, n) for n, text in enumerate(planted(0.95, 1)))
    shared = [x for x, y in zip(a.bands, b.bands, strict=True) if x == y]
    assert len(shared) > 1
    first, *later = [list(alike.bucket(0, key, [a, b], 0.8, 100)) for key in shared]
    assert flagged(first) == {(0, False), (1, False)} and first[-1] == Found(0, None, None, 1, 2, 0)
    assert all(rows == [Found(0, None, None, 0, 2, 0)] for rows in later)


def test_a_pair_below_the_index_is_compared_and_not_told():
    a, b = (member(text, n) for n, text in enumerate(planted(0.7, 3)))
    a, b = (text._replace(bands=[1, *text.bands[1:]]) for text in (a, b))
    assert list(alike.bucket(0, 1, [a, b], 0.8, 100)) == [Found(0, None, None, 1, 2, 0)]


def test_the_same_text_is_told_as_exact_of_all_who_have_it_and_compared_with_nothing():
    same = [member("o mesmo texto de todos", n) for n in range(5)]
    found = list(alike.bucket(0, same[0].bands[0], same, 0.8, 100))
    assert flagged(found) == {(n, True) for n in range(5)}
    assert found[-1] == Found(0, None, None, 0, 1, 0)
    assert len(list(alike.bucket(0, same[0].bands[1], same, 0.8, 100))) == 1


def test_a_full_bucket_is_counted_and_what_is_past_the_cap_is_compared_with_the_first_text():
    base = "".join(random.Random(5).choices(LETTERS, k=400))
    near = [base[:380] + "".join(random.Random(n).choices(LETTERS, k=20)) for n in range(30)]
    members = [member(text, n)._replace(bands=[7]) for n, text in enumerate(near)]
    found = list(alike.bucket(2, 7, members, 0.8, 10))
    assert found[-1] == Found(2, None, None, 10 * 9 // 2 + 20, 30, 20)
    assert flagged(found) == {(n, False) for n in range(30)}


def test_buckets_of_a_partition_are_told_apart_across_batches():
    a, b = (member(text, n) for n, text in enumerate(planted(0.95, 1)))
    key = next(x for x, y in zip(a.bands, b.bands, strict=True) if x == y)
    rows = [m._asdict() | {"field": 4, "band": key} for m in (a, b)]
    rows += [member("sozinho", 2)._asdict() | {"field": 5, "band": 1}]
    batches = [pa.RecordBatch.from_pylist([row]) for row in rows]
    found = [row for batch in alike.search(batches, 0.8, 100) for row in batch.to_pylist()]
    assert {(row["field"], row["uuid"] and int(row["uuid"])) for row in found} == {(4, 0), (4, 1), (4, None), (5, None)}


def test_masked_names_do_not_tell_texts_apart():
    people = [{"first_name": "Ana", "last_name": "Lima"}, {"first_name": "Josué", "last_name": "de Albuquerque"}]
    rest = {"middle_name": "", "municipality_name": "Aracaju", "state_name": "Sergipe"}
    told = [f"{p['first_name']} {p['last_name']} mora em Aracaju e planta couve." for p in people]
    masked = [masking.masked(text, masking.hidden(p | rest)) for text, p in zip(told, people, strict=True)]
    one, other = (member(text, n) for n, text in enumerate(masked))
    assert flagged(list(alike.bucket(0, one.bands[0], [one, other], 0.8, 100))) == {(0, True), (1, True)}
