"""The one place where a Spark session starts."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from importlib import resources
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

from census.errors import ConfigError
from conf.settings import Config

_files = ExitStack()


def start(config: Config, *, app_name: str = "povo", log_file: Path | None = None) -> SparkSession:
    """Start (or join) a session with Delta, for the data folder of `config`.

    Under `spark-submit` the JVM runs already: then only the settings that may change at run time are applied.

    Args:
        log_file: Where Spark's log goes; nowhere if none.

    Raises:
        ConfigError: No Java 17 or 21 is found, or it ended before Spark was up, as when Delta cannot be fetched.
    """
    chosen = config.spark
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    builder = SparkSession.builder.appName(app_name)
    if not submitted:
        _require_java()
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        delta = _delta(chosen.packages)
        # Only what is still to be fetched needs the network.
        proxy = proxy_options(os.environ) if "spark.jars.packages" in delta else []
        options = _java_options(log_file, proxy)
        builder = (
            builder.master(chosen.master or os.environ.get("SPARK_MASTER", "local[*]"))
            .config("spark.driver.memory", chosen.driver_memory)
            .config(map=delta)
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.driver.extraJavaOptions", options)
            .config("spark.sql.catalogImplementation", "in-memory")
            .config("spark.sql.warehouse.dir", str(config.data_dir / "warehouse"))
        )
    builder = (
        builder.config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.databricks.delta.snapshotPartitions", "2" if chosen.shuffle_partitions <= 8 else "50")
        .config("spark.databricks.delta.properties.defaults.enableDeletionVectors", "false")
        .config("spark.sql.shuffle.partitions", str(chosen.shuffle_partitions))
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.ansi.enabled", "true")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "65536")
        # Rows are kept for minutes, on one machine or many: to pack them takes longer than to read them once more.
        .config("spark.sql.inMemoryColumnarStorage.compressed", "false")
        # A speculative twin of a task that asks the language model would pay for every token again.
        .config("spark.speculation", "false")
    )
    try:
        session = builder.getOrCreate()
    except PySparkRuntimeError as error:
        raise ConfigError(
            f"Spark did not start: its Java process ended, as it does when {chosen.packages} cannot be fetched. "
            "`make setup` fetches it once; a proxy is read from HTTPS_PROXY (without user and password)."
        ) from error
    session.sparkContext.setLogLevel(chosen.log_level)
    _stop_cleanly(session)
    return session


def _stop_cleanly(session: SparkSession) -> None:
    """On Ctrl-C (and SIGTERM where it means the same) cancel the jobs that run, then raise KeyboardInterrupt.

    PySpark's own handler cancels from the interrupted thread, which waits for an answer on its connection to the JVM:
    the second call there breaks both. A thread of its own has its own connection. Nor may the interrupted thread be
    torn from its wait: whatever it says to the JVM on its way out would break, and that error hide the interrupt.
    The cancelled job ends the wait by an error, which `interrupt_behind` knows. A second Ctrl-C does not wait.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    _stopping.clear()

    def cancel() -> None:
        with suppress(Exception):  # nothing to cancel in a session that has ended
            session.sparkContext.cancelAllJobs()

    def stop(number: int, frame: FrameType | None) -> None:
        again = number == signal.SIGALRM
        impatient = _stopping.is_set() and not again
        if not _stopping.is_set():
            _stopping.set()
            threading.Thread(target=cancel, daemon=True).start()
        if _waits_for_java(frame) and not impatient:
            signal.setitimer(signal.ITIMER_REAL, 0.5)  # a wait that no job's end ends is over one day
            return
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, stop)
    signal.signal(signal.SIGINT, stop)
    if signal.getsignal(signal.SIGTERM) is signal.default_int_handler:
        signal.signal(signal.SIGTERM, stop)


_stopping = threading.Event()


def _waits_for_java(frame: FrameType | None) -> bool:
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith("py4j."):
            return True
        frame = frame.f_back
    return False


def interrupt_behind(error: BaseException) -> BaseException:
    """What ended the work: a KeyboardInterrupt where this error is only how it came out of Spark.

    From here on no signal interrupts what is left to put in order, unless it is sent again.
    """
    if not _stopping.is_set():
        return error
    if threading.current_thread() is threading.main_thread():
        signal.setitimer(signal.ITIMER_REAL, 0)
    return error if isinstance(error, KeyboardInterrupt) else KeyboardInterrupt()


def jars_dir(packages: str) -> Path:
    """Where `make setup` puts the jars of these coordinates, beside this Python: whole or not at all."""
    return Path(sys.prefix) / "share" / "povo" / "jars" / re.sub(r"[^\w.-]+", "_", packages)


def proxy_options(environment: Mapping[str, str]) -> list[str]:
    """The proxy of HTTP_PROXY, HTTPS_PROXY and NO_PROXY as options of a JVM, which does not look there itself.

    User and password are left out: the JVM takes none from options.

    Raises:
        ConfigError: A proxy is not the URL of a host.
    """

    def given(name: str) -> str:
        return environment.get(name.lower()) or environment.get(name) or ""

    options = []
    for scheme in ("http", "https"):
        url = given(f"{scheme.upper()}_PROXY")
        if not url:
            continue
        try:
            proxy = urlsplit(url if "://" in url else f"http://{url}")
            host, port = proxy.hostname, proxy.port or (443 if proxy.scheme == "https" else 80)
        except ValueError:
            host, port = None, 0
        if not host or not re.fullmatch(r"[\w.:-]+", host):  # the value is not repeated: it may hold a password
            raise ConfigError(f"{scheme.upper()}_PROXY is no URL of a proxy, as http://proxy.example:3128 is one.")
        options += [f"-D{scheme}.proxyHost={host}", f"-D{scheme}.proxyPort={port}"]
    if options:
        direct = [pattern for entry in given("NO_PROXY").split(",") for pattern in _direct(entry.strip())]
        options.append(f"-Dhttp.nonProxyHosts={'|'.join(['localhost', '127.*', '[::1]', *direct])}")
    return options


def _direct(entry: str) -> list[str]:
    """One entry of NO_PROXY as the JVM's patterns, which know a star at one end only."""
    network = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)\.\d+/(8|16|24)", entry)
    if network:
        return [".".join(network.groups()[: int(network[4]) // 8]) + ".*"]
    host = re.sub(r":\d+$", "", entry).removeprefix("*").lstrip(".")
    if entry == "*":
        return ["*"]
    if not re.fullmatch(r"[\w.-]+", host):
        return []
    return [host] if re.fullmatch(r"[\d.]+", host) else [host, f"*.{host}"]


def _delta(packages: str) -> dict[str, str]:
    """Delta from the jars that set-up fetched, or else through Spark's own resolution."""
    jars = sorted(jars_dir(packages).glob("*.jar"))
    return {"spark.jars": ",".join(map(str, jars))} if jars else {"spark.jars.packages": packages}


def _java_options(log_file: Path | None, extra: list[str]) -> str:
    log4j = _files.enter_context(resources.as_file(resources.files("conf").joinpath("log4j2.properties")))
    options = [f"-Dlog4j2.configurationFile=file:{log4j}", "-Duser.timezone=UTC", "-XX:+UseSerialGC"]
    if log_file is not None:
        options.append(f"-Dpovo.log={log_file}")
    return " ".join([*options, *extra]).strip()


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
