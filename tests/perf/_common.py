"""What the scripts of this folder share: a data folder, one state's tables, a table of results."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from conf import settings
from conf.settings import Config

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from jobs._sample_tables import SampleTables
    from udfs.sampling import StateTables

# A record, for scripts that need no data folder.
PERSON = {
    "uuid": "0" * 32,
    "first_name": "Josefa",
    "middle_name": "Maria",
    "last_name": "dos Santos",
    "sex": "F",
    "age_years": 47,
    "zone": "urbana",
    "education_level": "Médio completo e superior incompleto",
    "marital_status": "Solteiro",
    "in_union": True,
    "religion": "católica",
    "activity": "ocupado",
    "occupation_group": "Trabalhador dos serviços, vendedor do comércio ou mercado",
    "occupation_title": "Cozinheira",
    "position": "privado com carteira",
    "is_mei": False,
    "income_brl": 1700.0,
    "openness": 62.0,
    "conscientiousness": 50.0,
    "extraversion": 30.0,
    "agreeableness": 70.0,
    "neuroticism": 44.9,
    "municipality_name": "Estância",
    "state_name": "Sergipe",
    "region_name": "Nordeste",
    "regional_dishes": ["Beiju", "Moqueca de camarão"],
    "regional_feasts": ["Festa junina"],
    "regional_places": [],
    "regional_music": ["Forró"],
}
CHUNK = 65_536  # rows whose temporaries stay in the cache


def arguments(
    description: str | None, *, uf: str, more: Callable[[argparse.ArgumentParser], object] | None = None
) -> argparse.Namespace:
    """The options of a script: a data folder in which `povo fit --uf UF` is done, and the state."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="data folder after `povo fit`")
    parser.add_argument("--uf", default=uf, help=f"state, fitted there ({uf})")
    parser.add_argument("--seed", type=int, default=1)
    if more:
        more(parser)
    return parser.parse_args()


def config(data: str, **options: object) -> Config:
    """Settings with this data folder."""
    return settings.load(options={"run.data": data, **options})


def sample_tables(spark: SparkSession, conf: Config, uf: str, *, seed: int, min_age_years: int) -> SampleTables:
    """The sampler's tables of one state."""
    return sample_tables_of(spark, conf, [uf], seed=seed, min_age_years=min_age_years)


def sample_tables_of(
    spark: SparkSession, conf: Config, ufs: list[str], *, seed: int, min_age_years: int
) -> SampleTables:
    """The sampler's tables of some states."""
    from jobs import _sample_tables

    return _sample_tables.read(
        spark, conf.data_dir, settings.network(), ufs=ufs, seed=seed, min_age_years=min_age_years
    )


def draw_all(state: StateTables, persons: int) -> dict[str, NDArray[np.generic]]:
    """The first `persons` of a state, drawn in chunks in this process."""
    from udfs import sampling

    points = np.arange(sampling.points_needed(persons, state))
    parts = [sampling.draw(points[i : i + CHUNK], state) for i in range(0, len(points), CHUNK)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def best_seconds(work: Callable[[], object], rounds: int = 3) -> float:
    """The shortest of a few rounds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def iid_floor(share: NDArray[np.float64], persons: int) -> float:
    """Expected TVD of independent draws from `share`: sum of sqrt(p (1 - p) / (2 pi N))."""
    return float(np.sqrt(share * (1 - share) / (2 * np.pi * persons)).sum())


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table with the command, the date and the machine."""
    command = " ".join(["python", *(Path(a).name if a.endswith(".py") else a for a in sys.argv)])
    print(f"\n### {title}\n\n`{command}`, {datetime.now(timezone.utc):%Y-%m-%d}, {machine()}\n")
    print(f"| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    for row in rows:
        print(f"| {' | '.join(_text(value) for value in row)} |")


def machine() -> str:
    """Processor, cores, memory, load and versions, in a line."""
    model = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, NumPy {np.__version__}"
    )


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
