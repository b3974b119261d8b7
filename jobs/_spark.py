"""The one place where a Spark session starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

from pyspark.sql import SparkSession

from census.errors import ConfigError
from conf.settings import Config

_files = ExitStack()


def start(
    config: Config, *, app_name: str = "povo", log_file: Path | None = None, java_options: str = ""
) -> SparkSession:
    """Start (or join) a session with Delta, for the data folder of `config`.

    Under `spark-submit` the JVM runs already: then only the settings that may change at run time are applied.

    Args:
        log_file: Where Spark's log goes; stderr if none.
        java_options: Further options of the driver's JVM.

    Raises:
        ConfigError: No Java 17 or 21 is found.
    """
    chosen = config.spark
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    builder = SparkSession.builder.appName(app_name)
    if not submitted:
        _require_java()
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        builder = (
            builder.master(chosen.master or os.environ.get("SPARK_MASTER", "local[*]"))
            .config("spark.driver.memory", chosen.driver_memory)
            .config(*_delta(chosen.packages))
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.driver.extraJavaOptions", _java_options(log_file, java_options))
            .config("spark.sql.catalogImplementation", "in-memory")
            .config("spark.sql.warehouse.dir", str(config.data_dir / "warehouse"))
        )
    session = (
        builder.config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.databricks.delta.snapshotPartitions", "2" if chosen.shuffle_partitions <= 8 else "50")
        .config("spark.databricks.delta.properties.defaults.enableDeletionVectors", "false")
        .config("spark.sql.shuffle.partitions", str(chosen.shuffle_partitions))
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.ansi.enabled", "true")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "65536")
        # A speculative twin of a task that asks the language model would pay for every token again.
        .config("spark.speculation", "false")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel(chosen.log_level)
    return session


def jars_dir() -> Path:
    """Where `make setup` puts Delta's jars: beside this Python."""
    return Path(sys.prefix) / "share" / "povo" / "jars"


def _delta(packages: str) -> tuple[str, str]:
    """Delta from the jars that set-up fetched, or else through Spark's own resolution."""
    jars = sorted(jars_dir().glob("*.jar"))
    if len(jars) >= len(packages.split(",")) + 2:
        return "spark.jars", ",".join(map(str, jars))
    return "spark.jars.packages", packages


def _java_options(log_file: Path | None, extra: str) -> str:
    log4j = _files.enter_context(resources.as_file(resources.files("conf").joinpath("log4j2.properties")))
    options = [f"-Dlog4j2.configurationFile=file:{log4j}", "-Duser.timezone=UTC", "-XX:+UseSerialGC"]
    if log_file is not None:
        options.append(f"-Dpovo.log={log_file}")
    options += proxy_options(os.environ)
    return " ".join([*options, extra]).strip()


def proxy_options(environment: Mapping[str, str]) -> list[str]:
    """The proxy of the environment as the JVM wants it: Java does not read HTTPS_PROXY by itself.

    A user and password in the address are left out: they would stand in the list of processes.
    """
    options = []
    for scheme in ("http", "https"):
        name = f"{scheme}_proxy"
        address = urlsplit(environment.get(name) or environment.get(name.upper()) or "")
        if address.hostname:
            port = address.port or (443 if address.scheme == "https" else 80)
            options += [f"-D{scheme}.proxyHost={address.hostname}", f"-D{scheme}.proxyPort={port}"]
    kept = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = [host.strip() for host in kept.split(",") if host.strip()]
    if options and hosts:
        # Java writes *.example.org where others write .example.org.
        options.append("-Dhttp.nonProxyHosts=" + "|".join(f"*{host}" if host[0] == "." else host for host in hosts))
    return options


def _require_java() -> None:
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    advice = (
        "Povo needs Java 17 or 21. Install it with `sudo apt install openjdk-17-jre-headless` (Debian), "
        "`brew install openjdk@17` (Homebrew) or `sdk install java 17.0.15-tem` (SDKMAN), or set JAVA_HOME."
    )
    if java is None or not Path(java).exists():
        raise ConfigError(f"No Java was found. {advice}")
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = answer.split('"')[1] if '"' in answer else answer.strip()
    if version.split(".")[0] not in ("17", "21"):
        raise ConfigError(f"Java {version or 'of unknown version'} was found at {java}. {advice}")
