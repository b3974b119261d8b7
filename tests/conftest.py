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

    session = _spark.start(
        app_name="povo-tests",
        data_dir=tmp_path_factory.mktemp("spark"),
        master="local[2]",
        driver_memory="2g",
        shuffle_partitions=2,
        packages=settings.load().spark.packages,
        log_level="ERROR",
        java_options="-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m",
    )
    yield session
    session.stop()
