"""Printed figures that no fit reads: a quarter of the published cross cuts of 2022, chosen by a hash, judge the model.

Chosen before the fit. Two choices are by hand, and open:

* `LEVELS` are never held out: totals that set a level which nothing else gives (who works by sex, who lives in union,
  who is rural, the positions, the MEI), and those of indigenous work, which the survey hardly reaches.
* `SALT` is the first of `held out 0`, `held out 1`, ... with which between 20 and 30 % of the usable figures (2022, per
  cent) are held out, of four topics at least. tests/jobs/test_held_out_figures.py looks for it again.

Complements of a figure that is fitted (urban of rural, men of women) may be among them: they are no evidence, and
`is_told` says so.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

YEAR = 2022
SALT = "held out 0"
_HELD_BELOW = 64  # of the 256 values of a byte


class Figure(NamedTuple):
    """A published figure, as `core_published__margin` names it."""

    topic: str
    area: str
    dimensions: str
    category: str


LEVELS = frozenset(
    {
        Figure("nivel_ocupacao", "Brasil", "", "total"),
        Figure("nivel_ocupacao", "Brasil", "sexo", "homens"),
        Figure("nivel_ocupacao", "Brasil", "sexo", "mulheres"),
        Figure("nivel_ocupacao", "Brasil", "sexo x cor_raca", "homens indigena"),
        Figure("nivel_ocupacao", "Brasil", "sexo x cor_raca", "mulheres indigena"),
        Figure("estado_conjugal", "Brasil", "estado conjugal", "viviam em uniao"),
        Figure("natureza_uniao", "Brasil", "natureza da união", "consensual"),
        Figure("natureza_uniao", "Brasil", "natureza da união", "civil e religioso"),
        Figure("natureza_uniao", "Brasil", "natureza da união", "so civil"),
        Figure("natureza_uniao", "Brasil", "natureza da união", "so religioso"),
        Figure("posicao_ocupacao", "Brasil", "posicao", "empregado"),
        Figure("posicao_ocupacao", "Brasil", "posicao", "conta propria"),
        Figure("posicao_ocupacao", "Brasil", "posicao", "empregador"),
        Figure("situacao_domicilio", "Brasil", "situação", "rural"),
        Figure("mei", "Brasil", "", "MEI / ocupados formais"),
    }
)
# What a fitted figure leaves no doubt about.
_TOLD = frozenset(
    {
        Figure("situacao_domicilio", "Brasil", "situação", "urbana"),
        Figure("sexo_ocupados", "Brasil", "sexo", "mulheres"),
        Figure("mei", "Brasil", "sexo", "mulheres"),
        Figure("mei", "Brasil", "setor", "industria"),
    }
)


def is_held_out(topic: str, year: int, area: str, dimensions: str | None, category: str, *, salt: str = SALT) -> bool:
    """Whether no fit may read a figure of `core_published__margin`.

    Figures of other years are no cross cuts of the reference date: they give shapes, and are never held out.
    """
    figure = Figure(topic, area, dimensions or "", category)
    if year != YEAR or figure in LEVELS:
        return False
    key = "|".join((salt, topic, str(year), *figure[1:]))
    return hashlib.sha256(key.encode()).digest()[0] < _HELD_BELOW


def is_told(topic: str, area: str, dimensions: str | None, category: str) -> bool:
    """Whether fitted figures imply this one: its agreement says nothing of the model."""
    return Figure(topic, area, dimensions or "", category) in _TOLD
