"""`.ci/setup` on a toy project: what it builds, leaves alone, and builds anew, with and without a network.

The toy has the real script, a lock of one package and a module in the place of `jobs._jars`; its index is a folder.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A build backend without dependencies: an editable wheel with nothing in it.
BACKEND = """
import pathlib, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "toy-1-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        wheel.writestr("toy-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: toy\\nVersion: 1\\n")
        wheel.writestr("toy-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("toy-1.dist-info/RECORD", "")
    return name
"""
JARS = 'import grain\nwith open("jars", "a") as file:\n    file.write(f"fetched with grain {grain.VERSION}\\n")\n'


def make_wheel(folder: Path, version: str) -> str:
    """A package of one module in an index that is a folder; returns its line in a lock."""
    folder = folder / "grain"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"grain-{version}-py3-none-any.whl"
    info = f"grain-{version}.dist-info"
    files = {
        "grain.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: grain\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {name: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()) for name, text in files.items()}
    record = [f"{name},sha256={digests[name].rstrip(b'=').decode()},{len(text)}" for name, text in files.items()]
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {**files, f"{info}/RECORD": "\n".join([*record, f"{info}/RECORD,,"]) + "\n"}.items():
            wheel.writestr(name, text)
    links = [f'<a href="{wheel.name}">{wheel.name}</a>' for wheel in folder.glob("*.whl")]
    (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>")
    return f"grain=={version} \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after a first set-up, with a network."""
    home = tmp_path_factory.mktemp("toy")
    project = home / "project"
    (project / ".ci").mkdir(parents=True)
    (project / "jobs").mkdir()
    (project / "conf").mkdir()
    shutil.copy(ROOT / ".ci" / "setup", project / ".ci" / "setup")
    (project / "requirements.lock").write_text(f"# A lock.\n{make_wheel(home / 'index', '1')}")
    backend = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    (project / "pyproject.toml").write_text(backend + '[project]\nname = "toy"\nversion = "1"\n')
    (project / "backend.py").write_text(BACKEND)
    (project / "jobs" / "_jars.py").write_text(JARS)
    (project / "conf" / "base.toml").write_text('[spark]\npackages = "delta:1"\nlog_level = "WARN"\n')
    done = set_up(project)
    assert (done.returncode, done.stderr) == (0, "")
    assert jars_of(project) == ["fetched with grain 1"]
    return project


def set_up(project: Path, *, has_network: bool = True) -> subprocess.CompletedProcess[str]:
    # Nothing of this machine's own pip settings: they may name an index.
    mine = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    index = (project.parent / ("index" if has_network else "nothing")).as_uri()
    settings = {"PIP_INDEX_URL": index, "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1"}
    told = {**mine, **settings, "XDG_CACHE_HOME": str(project.parent / "cache"), "PYTHON": sys.executable}
    told.pop("PYTHONPATH", None)
    command = [str(project / ".ci" / "setup")]
    return subprocess.run(command, env=told, capture_output=True, text=True, check=False, timeout=120)


def jars_of(project: Path) -> list[str]:
    return (project / "jars").read_text().splitlines()


def test_a_second_set_up_does_nothing(toy):
    before = jars_of(toy)
    again = set_up(toy, has_network=False)
    assert (again.returncode, again.stdout) == (0, "set-up: nothing to do\n")
    assert jars_of(toy) == before


def test_another_coordinate_of_delta_is_fetched_and_another_setting_is_none_of_its_business(toy):
    before, base = jars_of(toy), toy / "conf" / "base.toml"
    base.write_text(base.read_text().replace("WARN", "INFO"))
    assert set_up(toy).stdout == "set-up: nothing to do\n"
    base.write_text(base.read_text().replace("delta:1", "delta:2"))
    assert set_up(toy, has_network=False).returncode == 0
    assert jars_of(toy) == [*before, "fetched with grain 1"]


@pytest.mark.parametrize("broken", ["no pip", "other Python"])
def test_an_environment_that_cannot_be_used_is_built_anew_without_a_network(toy, broken):
    before, environment = jars_of(toy), toy / ".venv"
    python = environment / "bin" / "python"
    if broken == "no pip":
        (packages,) = environment.glob("lib/python*/site-packages")
        shutil.rmtree(packages / "pip")
    else:
        python.unlink()
        python.write_text("#!/bin/sh\necho 3 9\n")
        python.chmod(0o755)
    assert set_up(toy, has_network=False).returncode == 0
    assert jars_of(toy) == [*before, "fetched with grain 1"]
    assert set_up(toy).stdout == "set-up: nothing to do\n"


def test_what_is_not_kept_needs_the_network_and_its_hash(toy):
    lock, first = toy / "requirements.lock", (toy / "requirements.lock").read_text()
    second = make_wheel(toy.parent / "index", "2")
    lock.write_text(second)
    assert set_up(toy, has_network=False).returncode != 0
    wrong = second.rstrip()[:-1] + ("0" if second.rstrip()[-1] != "0" else "1") + "\n"
    lock.write_text(wrong)
    refused = set_up(toy)
    assert refused.returncode != 0 and "THESE PACKAGES DO NOT MATCH THE HASHES" in refused.stderr
    lock.write_text(second)
    assert set_up(toy).returncode == 0
    assert jars_of(toy)[-1] == "fetched with grain 2"
    lock.write_text(first)
    assert set_up(toy, has_network=False).returncode == 0
    assert jars_of(toy)[-1] == "fetched with grain 1"
