"""What the repository promises about its files: sources, pins, doors to the outside, wheel, image and notebooks."""

from __future__ import annotations

import ast
import fnmatch
import gzip
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hatchling import build
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conf import settings
from jobs import _states

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PACKAGES = ("jobs", "udfs", "census", "conf")
REFERENCE = ROOT / "census" / "reference"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
IGNORED = [".git", *(ROOT / ".gitignore").read_text(encoding="utf-8").replace("/\n", "\n").split()]

# Who may open which door, and why. A new name here is a decision: prefer a function of a module that is here already.
DOORS = {
    "starts Spark": {
        "jobs/_spark.py": "the one place",
    },
    "reads or writes tables": {
        "jobs/_storage.py": "the only door to Delta",
        "jobs/_sources.py": "sources, before they are tables",
        "jobs/_microdata.py": "fixed-width text, before it is a table",
    },
    "opens files": {
        "conf/settings.py": "packaged settings and overlays",
        "jobs/_command.py": "the log of a run",
        "jobs/_commands_tables.py": "the figures of a report",
        "jobs/_exports.py": "which states the export folders hold",
        "jobs/_faults.py": "the faults that a test server plays",
        "jobs/_jars.py": "set-up: Delta's jars",
        "jobs/_locks.py": "locks of states and runs",
        "jobs/_microdata.py": "a user's layout and text files",
        "jobs/_rule_check.py": "packaged classification that rules are read against",
        "jobs/_screen.py": "the terminal, for the live line",
        "jobs/_server_process.py": "the log of the offline writer",
        "jobs/_sources.py": "verifies sources and copies them",
        "jobs/_states.py": "digests of packaged code and data",
        "jobs/_storage.py": "files of the data folder",
        "jobs/_text_progress.py": "the figures of tasks that run",
        "jobs/batch.py": "request files out, answer files in",
        "jobs/report.py": "packaged page templates",
        "jobs/write_text.py": "the file of the endpoint's key",
        "udfs/checks/conduct.py": "packaged terms that hurt",
        "udfs/checks/planted.py": "packaged planted errors",
        "udfs/checks/work.py": "packaged words of occupations",
        "udfs/durable.py": "answers as they arrive",
        "udfs/journal.py": "answers as they were stored",
        "udfs/storage.py": "folders on a disk or in an object store, for executors",
        "udfs/offline_writer/lexicon.py": "packaged words and plans",
        "udfs/traits.py": "packaged words of the traits",
    },
    "speaks HTTP": {
        "udfs/client.py": "asks the model",
        "udfs/polling.py": "asks whether servers are there and what waits",
        "udfs/transport.py": "sockets under the client",
        "jobs/serve.py": "the offline writer's server",
        "jobs/_connections.py": "sockets under that server, and their faults",
        "jobs/_text_metrics.py": "figures for Prometheus, on the loopback address",
    },
    "starts processes": {
        "jobs/_spark.py": "asks Java for its version",
        "jobs/_server_process.py": "the offline writer beside a run",
    },
    "reads the environment": {
        "jobs/_spark.py": "JAVA_HOME, SPARK_MASTER, and what spark-submit leaves",
        "jobs/_server_process.py": "hands it on to the offline writer",
        "jobs/write_text.py": "the key of the endpoint",
    },
}
FILE_CALLS = {
    "open", "fdopen", "read_text", "read_bytes", "write_text", "write_bytes", "mkdir", "unlink", "rmtree",
    "FileHandler", "TemporaryDirectory", "read_csv", "read_parquet", "to_csv", "to_parquet", "write_table",
}  # fmt: skip
NETWORK = {"requests", "urllib3", "urllib.request", "http", "socket", "uvicorn", "starlette", "httpx", "aiohttp"}


@cache
def repository_files() -> tuple[str, ...]:
    """Every file of the repository that git does not ignore."""

    def kept(name: str) -> bool:
        return not any(fnmatch.fnmatch(name, pattern) for pattern in IGNORED)

    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = filter(kept, folders)
        found += [(Path(folder) / name).relative_to(ROOT).as_posix() for name in names if kept(name)]
    return tuple(sorted(found))


def text_files(*but: str) -> Iterator[tuple[str, str]]:
    """Name and text of every file that is not compressed data."""
    for name in repository_files():
        if not name.endswith((".gz", ".parquet")) and not name.startswith(but):
            yield name, (ROOT / name).read_bytes().decode("utf-8")


@cache
def modules() -> dict[str, ast.Module]:
    """The parsed modules of the four packages."""
    names = [name for name in repository_files() if name.endswith(".py") and name.split("/")[0] in PACKAGES]
    return {name: ast.parse((ROOT / name).read_text(encoding="utf-8")) for name in names}


@cache
def imported(module: ast.Module) -> set[str]:
    """The modules that a module imports, by their full names."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def belongs(name: str, roots: set[str]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


@cache
def doors_of(module: ast.Module) -> set[str]:
    """The doors of DOORS that a module opens itself; going through `_storage` is none."""
    imports = imported(module)
    found = set()
    if any(belongs(name, NETWORK) for name in imports):
        found.add("speaks HTTP")
    if belongs("subprocess", imports):
        found.add("starts processes")
    if any(belongs(name, {"delta", "deltalake"}) for name in imports):
        found.add("reads or writes tables")
    if imports & {"os.environ", "os.getenv"}:
        found.add("reads the environment")
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute):
            written = ast.unparse(node)
            if re.search(r"SparkSession\.builder$", written):
                found.add("starts Spark")
            # SQL on the session of a frame that came in is a computation: it names no table.
            if re.search(
                r"((\bspark|\.sparkSession)\.(read|readStream|table|catalog)|\bspark\.sql|\.write\.\w+)$", written
            ):
                found.add("reads or writes tables")
            if written in ("os.environ", "os.getenv"):
                found.add("reads the environment")
        elif isinstance(node, ast.Call):
            owner, _, called = ast.unparse(node.func).rpartition(".")
            if called in FILE_CALLS and owner != "_storage":
                found.add("opens files")
    return found


# ------------------------------------------------------------------------------------------------ sources
def test_the_packaged_files_are_the_sources_of_the_settings():
    listed = [source.file for source in settings.sources().values()]
    assert sorted([*listed, "README.md"]) == sorted(file.name for file in REFERENCE.iterdir())


def test_the_page_beside_the_packaged_files_says_of_each_where_it_came_from():
    page = (REFERENCE / "README.md").read_text(encoding="utf-8")
    told = [name for line in page.splitlines() if line.startswith("| `") for name in re.findall(r"`(\S+\.\w+)`", line)]
    assert sorted(told) == sorted(source.file for source in settings.sources().values())


def test_only_files_kept_by_hand_are_plain_text():
    page = (REFERENCE / "README.md").read_text(encoding="utf-8")
    kept = {source.file: source for source in settings.sources().values() if source.file.endswith(".csv")}
    assert {source.institution for source in kept.values()} == {"Povo"}
    assert all(re.search(rf"^\| `{re.escape(file)}` .*kept by hand \|$", page, re.M) for file in kept)


def test_what_was_compiled_by_hand_names_no_institution_as_its_source():
    by_hand = [source for source in settings.sources().values() if "by hand" in source.table]
    assert {"dishes.csv", "feasts_and_arts.csv"} <= {source.file for source in by_hand}
    assert {source.institution for source in by_hand} == {"Povo"}


def test_every_source_has_the_digest_that_is_listed():
    digests = {
        s.file: hashlib.sha256((REFERENCE / s.file).read_bytes()).hexdigest() for s in settings.sources().values()
    }
    assert digests == {s.file: s.sha256 for s in settings.sources().values()}


def test_every_source_has_the_rows_that_are_listed():
    def rows(file: Path) -> int:
        if file.suffix == ".parquet":
            return int(pq.read_metadata(file).num_rows)
        content = file.read_bytes()
        return len((gzip.decompress(content) if file.suffix == ".gz" else content).splitlines()) - 1

    sources = settings.sources().values()
    assert {s.file: rows(REFERENCE / s.file) for s in sources} == {s.file: s.rows for s in sources}


@pytest.mark.parametrize("name", settings.sources())
def test_a_source_says_where_it_comes_from_and_what_it_counts(name):
    source = settings.sources()[name]
    stated = (source.institution, source.survey, source.table, source.licence, source.units)
    assert all(text.strip() for text in stated)
    assert 2000 <= source.year <= 2030


# --------------------------------------------------------------------------------------------------- pins
REQUIREMENTS = [
    *PROJECT["build-system"]["requires"],
    *PROJECT["project"]["dependencies"],
    *(requirement for extra in EXTRAS.values() for requirement in extra),
]


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_a_dependency_has_a_lower_and_an_upper_bound(requirement):
    operators = {part.operator for part in Requirement(requirement).specifier}
    assert operators & {">=", ">", "==", "~="}
    assert operators & {"<", "<=", "==", "~="}


@pytest.mark.parametrize(("name", "newest", "too_new"), [("pyspark", "4.0.4", "4.0.5"), ("pandas", "2.3.3", "3.0.0")])
def test_versions_that_break_the_platform_are_refused(name, newest, too_new):
    bounds = {r.name: r.specifier for r in map(Requirement, PROJECT["project"]["dependencies"])}
    assert bounds[name].contains(newest)
    assert not bounds[name].contains(too_new)


def test_every_package_that_the_code_imports_is_declared():
    declared = {canonicalize_name(Requirement(r).name) for r in PROJECT["project"]["dependencies"]}
    known = importlib.metadata.packages_distributions()
    roots = {name.split(".")[0] for module in modules().values() for name in imported(module)}
    outside = roots - set(sys.stdlib_module_names) - set(PACKAGES)
    undeclared = {r for r in outside if not {canonicalize_name(d) for d in known.get(r, [r])} & declared}
    assert undeclared == set()


def locked() -> dict[str, list[Requirement]]:
    """The pins of the lock by name; one may have several, for different versions of Python."""
    pins: dict[str, list[Requirement]] = {}
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    for line in lines:
        if not line.startswith("#"):
            pin = Requirement(line.split("--hash=")[0])
            pins.setdefault(canonicalize_name(pin.name), []).append(pin)
    return pins


def test_every_pin_of_the_lock_has_a_hash_and_no_line_names_an_index():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", "")
    pin = re.compile(r"[a-z0-9][a-z0-9._-]*==[^ ]+ ( *; [^#]+?)?( *--hash=sha256:[0-9a-f]{64})+")
    bad = [line for line in text.splitlines() if not line.startswith("#") and not pin.fullmatch(line)]
    assert bad == []


@pytest.mark.parametrize("requirement", PROJECT["project"]["dependencies"] + EXTRAS["test"])
def test_the_lock_holds_an_allowed_version_of_every_dependency(requirement):
    wanted = Requirement(requirement)
    pins = locked()[canonicalize_name(wanted.name)]
    assert all(wanted.specifier.contains(next(iter(pin.specifier)).version) for pin in pins)


# -------------------------------------------------------------------------------------------------- doors
@pytest.mark.parametrize("door", DOORS)
def test_a_door_is_opened_by_the_listed_modules_only(door):
    assert {name for name, module in modules().items() if door in doors_of(module)} == set(DOORS[door])


@pytest.mark.parametrize(
    ("code", "door"),
    [
        ("people = spark.read.parquet(path)", "reads or writes tables"),
        ("people.write.format('delta').save(path)", "reads or writes tables"),
        ("from deltalake import DeltaTable", "reads or writes tables"),
        ("spark = SparkSession.builder.getOrCreate()", "starts Spark"),
        ("from urllib.request import urlopen", "speaks HTTP"),
        ("import subprocess as s", "starts processes"),
        ("from os import environ", "reads the environment"),
        ("with open(path) as file: pass", "opens files"),
        ("Path(path).write_text(words)", "opens files"),
    ],
)
def test_a_door_is_seen_however_it_is_opened(code, door):
    assert doors_of(ast.parse(code)) == {door}


def test_the_modules_of_census_know_neither_clock_nor_chance():
    outside = {"time", "datetime", "random", "secrets"}
    named = {name: imported(module) for name, module in modules().items() if name.startswith("census/")}
    assert {name for name, imports in named.items() if any(belongs(i, outside) for i in imports)} == set()


# -------------------------------------------------------------------------------------------------- files
def test_text_files_are_utf_8_and_end_in_a_newline():
    assert [name for name, text in text_files() if text and not text.endswith("\n")] == []


def test_no_file_holds_the_path_of_a_machine():
    path = re.compile(r"(?<![\w.>}])(/(home|work|tmp|root|Users)/|[A-Z]:\\\\?Users)")
    assert {name: found[0] for name, text in text_files("tests/") if (found := path.search(text))} == {}


def test_no_file_holds_an_e_mail_address():
    address = re.compile(r"\b[\w.+-]+@[\w-]+(\.[\w-]+)*\.[a-z]{2,}\b")
    invented = "udfs/checks/data/planted.jsonl"  # the check of e-mails is tried on some
    assert {name: found[0] for name, text in text_files("tests/", invented) if (found := address.search(text))} == {}


def test_no_file_names_a_package_registry():
    registry = re.compile(
        r"(?<!emit-)index[-]url|find[-]links|trusted[-]host|https?://\S+/simple\b|(artifactor|nexu)[ys]"
    )
    assert {name: found[0] for name, text in text_files() if (found := registry.search(text))} == {}


# -------------------------------------------------------------------------------------------------- wheel
@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = Path.cwd()
    folder = tmp_path_factory.mktemp("wheel")
    os.chdir(ROOT)
    try:
        return folder / build.build_wheel(str(folder))
    finally:
        os.chdir(here)


def test_the_wheel_holds_the_four_packages_whole_and_nothing_else(wheel):
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    lying = (path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("[!.]*"))
    whole = {path.as_posix() for path in lying if path.suffix and "__pycache__" not in path.parts}
    assert packed == whole


def test_the_wheel_carries_the_command_and_both_licences(wheel):
    names = [name.split(".dist-info/")[-1] for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" in name]
    assert {"entry_points.txt", "licenses/LICENSE", "licenses/DATA_LICENSE.md"} <= set(names)


def test_the_wheel_renamed_zip_carries_the_data_and_the_fingerprints_of_the_repository(wheel, tmp_path):
    archive = shutil.copy(wheel, tmp_path / "povo.zip")
    program = (
        "from conf import settings; from jobs import _states; from udfs.offline_writer import lexicon; import json;"
        "print(json.dumps([_states.__file__, _states.population(), _states.fingerprints(settings.load())]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(archive), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-c", program]
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    file, population, fingerprints = json.loads(ran.stdout)
    assert file.startswith(str(archive))
    assert population == _states.population()
    assert fingerprints == _states.fingerprints(settings.load())


# ------------------------------------------------------------------------------------ image and notebooks
def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile with their arguments."""
    text = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_image_takes_the_lock_and_the_wheel_only():
    taken = [argument.split()[0] for word, argument in instructions() if word in ("COPY", "ADD")]
    assert taken == ["requirements.lock", "dist/povo-*.whl"]
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line for line in ignored if line.startswith("!")} >= {f"!{name}" for name in taken}


def test_the_image_runs_as_a_user_without_rights_and_holds_no_settings():
    said = dict(instructions())
    assert said["USER"] not in ("root", "0")
    assert said["ENTRYPOINT"] == '["povo"]'
    assert "ENV" not in said


def notebooks() -> dict[str, list[dict[str, object]]]:
    names = [name for name in repository_files() if name.endswith(".ipynb")]
    return {name: json.loads((ROOT / name).read_text(encoding="utf-8"))["cells"] for name in names}


@pytest.mark.parametrize("name", notebooks())
def test_a_notebook_is_kept_without_outputs_and_its_code_compiles(name):
    for cell in notebooks()[name]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
            compile("".join(cell["source"]), name, "exec")  # type: ignore[arg-type]
