"""One small Spark session for the whole run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

os.environ["PYSPARK_PYTHON"] = sys.executable
os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    from conf import settings
    from jobs import _spark

    options = {
        "run.data": str(tmp_path_factory.mktemp("spark")),
        "spark.master": "local[2]",
        "spark.shuffle_partitions": 2,
        "spark.log_level": "ERROR",
    }
    session = _spark.start(settings.load(options=options), app_name="povo-tests")
    yield session
    session.stop()
