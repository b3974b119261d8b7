"""The writer for measuring: as long as asked, and accepted by the checks of one record."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest

from conf.settings import text
from jobs._fixed_writer import fixed_writer
from udfs.parsing import check_record
from udfs.prompts import CALL1_HEADER

RECORD = "Nome completo: Josefa dos Santos\nPrimeiro nome: Josefa\nCidade: Estância\nVersão do texto: 0"
PERSON = {"first_name": "Josefa", "municipality_name": "Estância"}


@pytest.mark.parametrize("size", [200, 1500, 3000, 6000, 1_000_000])
def test_a_fixed_answer_is_accepted_whatever_its_size(size: int):
    write = fixed_writer(size)
    first = write([{"role": "user", "content": RECORD}])
    second = write([{"role": "user", "content": f"{CALL1_HEADER}\n{RECORD}"}])
    for answer, schema in ((first, "attributes"), (second, "personas")):
        assert jsonschema_rs.validator_for(json.loads(text(f"schemas/{schema}.json"))).is_valid(answer)
    assert check_record(first, second, PERSON) == []


def test_a_fixed_answer_is_about_as_long_as_asked():
    sizes = [
        len(json.dumps(fixed_writer(size)([{"content": RECORD}]), ensure_ascii=False).encode()) for size in (2000, 4000)
    ]
    assert 1600 <= sizes[0] <= 2400 and 3200 <= sizes[1] <= 4400
