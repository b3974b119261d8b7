"""The data card of an export, made from the measured figures and nothing else."""

from __future__ import annotations

from jinja2 import Environment
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from census import codes, tables
from conf import settings
from conf.settings import Config
from jobs import _set_figures, _storage

_TEMPLATE = """---
license: cc-by-4.0
language:
- pt
pretty_name: Povo - synthetic personas of Brazil
task_categories:
- text-generation
size_categories:
- {{ size }}
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
---

# Povo: synthetic personas of Brazil

{{ "{:,}".format(rows) }} synthetic persons of {{ states }}: 20 public fields and a uuid, six persona texts and four
narratives each, in Brazilian Portuguese. Attributes follow IBGE's statistics jointly; no record of a real person is in it.
{% if offline %}
**The texts of this folder were not written by a language model.** They come from `povo-offline-writer`, a deterministic
grammar over the record, made so that the whole road runs without a model. Do not train on them as samples of natural prose.
{% endif %}
| what | value |
|---|---|
| seed | {{ seed }} |
| population model | {{ model_version }} |
| texts written by | {{ writer }} (asked for: {{ model }}) |
| prompts | {{ prompt_version }} |
| ages | {{ min_age }} and over |

## Fit to the official tables

TVD is half the sum of absolute differences of shares; the floor is what as many independent draws would show by chance.

| table | TVD | floor | ratio | grade | target |
|---|---|---|---|---|---|
{% for m in fit %}| {{ m.name }} | {{ "%.4f"|format(m.value) }} | {{ "%.4f"|format(m.floor) if m.floor is not none else "" }} | {{ "%.2f"|format(m.ratio) if m.ratio is not none else "" }} | {{ m.grade or "" }} | {{ m.source or "" }} |
{% endfor %}
## Texts

| what | value |
|---|---|
{% for m in texts %}| {{ m.name }} | {{ "%.3f"|format(m.value) }} |
{% endfor %}
## What the model assumes

Grade A: a census joint; B: large survey microdata; C: small samples and published margins.

{% for e in evidence %}- `{{ e.node }}` (grade {{ e.grade }}; {{ e.source }}): {{ e.assumption }}.\
{% if e.node in nodes and nodes[e.node].raised_by %} Grade B would take {{ nodes[e.node].raised_by }}.{% endif %}{% if e.residual_bits %} \
Bits left in the survey, beside those of noise: {% for name, bits in e.residual_bits.items() %}{{ name }} \
{{ "%.4f"|format(bits) }} ({{ "%.4f"|format(e.noise_bits[name]) }}){{ "" if loop.last else ", " }}{% endfor %}.{% endif %}
{% endfor %}
## Use

Not a probability sample of real people and no source of statistics on Brazil: use IBGE's own tables. Not for decisions
about persons, nor for imitating real ones. Race and religion are attributes of the population model; no text is told of race.
Under Brazil's data protection law (LGPD) these rows are not personal data: tables, not records, generate them.

Sources: IBGE (Censo 2022, Censo 2010, PNAD Contínua, PNS 2019), TSE, Ministério do Trabalho e Emprego, Ministério da Saúde;
full list with licences in conf/sources.toml of Povo.
"""


def text(spark: SparkSession, config: Config, rows: int) -> str:
    """The card of the chosen states."""
    ufs = list(config.run.ufs)
    metrics = (
        _storage.read(spark, config.data_dir, tables.METRIC)
        .where("uf = 'BR' AND value IS NOT NULL")
        .orderBy("family", "name")
        .collect()
    )
    about = (
        _storage.read(spark, config.data_dir, tables.PERSONA_EXTENDED, ufs)
        .agg(
            *[
                F.array_join(F.sort_array(F.collect_set(F.col(c).cast("string"))), ", ").alias(c)
                for c in ("seed", "model_version", "writer", "model", "prompt_version")
            ]
        )
        .first()
    )
    assert about is not None
    evidence = _storage.read(spark, config.data_dir, tables.EVIDENCE).collect()
    order = {name: place for place, name in enumerate(settings.network())}
    return (
        Environment(autoescape=False)
        .from_string(_TEMPLATE)
        .render(
            rows=rows,
            size=next(
                label
                for top, label in (
                    (10**3, "n<1K"),
                    (10**4, "1K<n<10K"),
                    (10**5, "10K<n<100K"),
                    (10**6, "100K<n<1M"),
                    (10**12, "1M<n<10M"),
                )
                if rows < top
            ),
            states=", ".join(codes.STATE_OF[uf].name for uf in ufs),
            offline="povo-offline-writer" in about["writer"],
            min_age=config.sample.min_age_years,
            fit=[m for m in metrics if m["family"] in ("marginal", "pair", "triple")],
            texts=[
                m for m in metrics if m["family"] in ("text", "set") and not m["name"].startswith(_set_figures.WORD)
            ],
            nodes=settings.network(),
            evidence=sorted(evidence, key=lambda row: order.get(row["node"], 99)),
            **{c: about[c] for c in ("seed", "model_version", "writer", "model", "prompt_version")},
        )
    )
