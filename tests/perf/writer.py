"""The offline writer over the persons of a sample: how different its texts are, how long, how grounded, how fast.

python tests/perf/writer.py --data povo-data --uf SE [--persons 20000]
"""

from __future__ import annotations

import itertools
import json
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import bpe_openai
import rensa
from _common import arguments, config, show

from census import tables
from jobs import _spark, _storage, _text_inputs
from udfs import offline_writer, parsing, prompts
from udfs.answers import Requests
from udfs.hints import with_hints

PERMUTATIONS, BANDS, ALIKE = 128, 16, 0.8
MOST_IN_A_BUCKET = 100  # a fuller one is the same text over and over
WANTED = dict.fromkeys(prompts.PERSONA_FIELDS, 300) | {"persona": 180} | dict.fromkeys(parsing.NARRATIVES, 750)


def read_persons(data: str, uf: str, persons: int) -> list[dict[str, Any]]:
    """Persons with their place and their options, as `write_text` renders them."""
    conf = config(data)
    spark = _spark.start(conf)
    known = _text_inputs.hints(spark, conf)
    people = _storage.read(spark, conf.data_dir, tables.ATTRIBUTE, [uf])
    places = _storage.read(spark, conf.data_dir, tables.PLACE, [uf]).selectExpr(
        "municipality_code", "municipality_name", "state_name", "region AS region_name"
    )
    rows = people.join(places, "municipality_code", "inner").orderBy("uuid").limit(persons).toArrow().to_pylist()
    spark.stop()
    return [with_hints(row, known) for row in rows]


def write_all(requests: Requests, persons: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], float]:
    """Both answers of each person joined, and the CPU seconds of the writer alone."""
    answers, seconds = [], 0.0
    for person in persons:
        first = prompts.render(requests.prompts, 1, person, 0)
        started = time.process_time()
        call1 = offline_writer.write(first)
        seconds += time.process_time() - started
        second = prompts.render(requests.prompts, 2, person, 0, call1)
        started = time.process_time()
        call2 = offline_writer.write(second)
        seconds += time.process_time() - started
        answers.append(call1 | call2)
    return answers, seconds


def masked(text: str, person: dict[str, Any]) -> list[str]:
    """Folded words with names, places, numbers and the title taken out."""
    said = parsing.fold(text)
    for column in ("last_name", "middle_name", "first_name", "municipality_name", "state_name"):
        if word := parsing.fold(str(person.get(column) or "")):
            said = re.sub(rf"\b{re.escape(word)}\b", "#", said)
    title = parsing.fold(str(person["occupation_title"] or person["former_occupation_title"] or "")) or "\0"
    return re.findall(r"\w+|#", re.sub(r"\d+", "0", said.replace(title, "#")))


def grams(words: Sequence[str], size: int) -> set[str]:
    return {" ".join(words[i : i + size]) for i in range(max(1, len(words) - size + 1))}


def near_duplicates(texts: Sequence[set[str]]) -> set[int]:
    """Places of texts that have another whose 5-grams are alike by Jaccard, found by MinHash bands."""
    buckets: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    rows = PERMUTATIONS // BANDS
    for i, shingles in enumerate(texts):
        minhash = rensa.RMinHash(num_perm=PERMUTATIONS, seed=1)
        minhash.update(list(shingles))
        digest = minhash.digest()
        for band in range(BANDS):
            buckets.setdefault((band, tuple(digest[band * rows : (band + 1) * rows])), []).append(i)
    found: set[int] = set()
    for places in buckets.values():
        for a, b in itertools.combinations(places[:MOST_IN_A_BUCKET], 2):
            if len(texts[a] & texts[b]) >= ALIKE * len(texts[a] | texts[b]):
                found |= {a, b}
    return found


def repeats(answer: dict[str, Any]) -> int:
    """Runs of seven words or more that two texts of one person share, the person's name aside."""
    fields = [parsing.fold(answer[field]).split() for field in WANTED]
    counts = Counter(gram for words in fields for gram in grams(words, 7))
    return sum(count > 1 for count in counts.values())


def share(flags: Iterable[bool]) -> float:
    return statistics.fmean(flags)


def main() -> None:
    asked = arguments(__doc__, uf="SE", more=lambda parser: parser.add_argument("--persons", type=int, default=20_000))
    measure(read_persons(asked.data, asked.uf, asked.persons), _text_inputs.requests_of(config(asked.data)), asked.seed)


def measure(persons: Sequence[dict[str, Any]], requests: Requests, seed: int) -> None:
    """Write everything and print the figures."""
    write_all(requests, persons[:200])  # the first finds every cache empty
    answers, seconds = write_all(requests, persons)
    count = len(answers)
    openings = {" ".join(parsing.fold(a["professional_persona"]).split()[:4]) for a in answers}
    duplicates: set[int] = set()
    rows: list[tuple[object, ...]] = []
    for field, wanted in WANTED.items():
        texts = [answer[field] for answer in answers]
        words = [masked(text, person) for text, person in zip(texts, persons, strict=True)]
        alike = near_duplicates([grams(w, 5) for w in words])
        duplicates |= alike
        tokens = [token for w in words for token in w]
        threes = [gram for w in words for gram in zip(w, w[1:], w[2:], strict=False)]
        lengths = [len(text) for text in texts]
        outside = share(not 0.8 * wanted <= length <= 1.2 * wanted for length in lengths)
        rows.append(
            (field, len(set(texts)) / count, len(alike) / count, len(set(tokens)) / len(tokens))
            + (len(set(threes)) / len(threes), statistics.fmean(lengths), wanted, outside)
        )
    header = ("field", "distinct", "near duplicates", "type/token", "distinct-3", "characters", "wanted", "20 % off")
    show("Texts of the offline writer", header, rows)
    encoding = bpe_openai.get_encoding("o200k_base")
    some = random.Random(seed).sample(range(count), min(1000, count))
    texts_of = [len(encoding.encode_ordinary(json.dumps(answers[i], ensure_ascii=False))) for i in some]
    found: dict[str, list[bool]] = {}
    for answer, person in zip(answers, persons, strict=True):
        for name, is_said in parsing.mentions([answer[field] for field in WANTED], person).items():
            if name != "occupation" or person["occupation_title"]:
                found.setdefault(name, []).append(is_said)
    figures = {
        "records": count,
        "records/s on one core": count / seconds,
        "records with a near duplicate in some field": len(duplicates) / count,
        "distinct first four words of professional_persona": len(openings),
        "records the checks refuse": share(
            bool(parsing.check_record(a, a, p)) for a, p in zip(answers, persons, strict=True)
        ),
        "tokens of both answers": statistics.fmean(texts_of),
        "shared runs of 7 words inside a person": statistics.fmean(repeats(answer) for answer in answers),
    } | {f"says {name}": share(values) for name, values in found.items()}
    show("The offline writer", ("figure", "value"), list(figures.items()))


if __name__ == "__main__":
    main()
