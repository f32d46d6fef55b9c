"""A build backend that makes variants of its wheels (PEP 517, PEP 825)."""

import sys
from base64 import urlsafe_b64encode as b64
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from variant_backend import api

tomllib = __import__("tomllib" if sys.version_info >= (3, 11) else "tomli")
PYPROJECT = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
PROJECT, REQUIRES = PYPROJECT["project"], PYPROJECT["tool"]["own-backend"]["dependencies"]
INFO, FILENAME = "{name}-{version}.dist-info/ {name}-{version}-py3-none-any.whl".format(**PROJECT).split()
METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}".format(**PROJECT)
WHEEL = b"Wheel-Version: 1.0\nGenerator: own_backend\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@contextmanager
def clear_errors():
    try:
        yield
    except api.VariantError as error:
        sys.exit(f"error: {error}")


@clear_errors()
def get_requires_for_build_wheel(config_settings=None):
    variant = api.variant_of_settings(config_settings, PYPROJECT["variant"])
    return variant.build_requires() if variant else []


@clear_errors()
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):  # noqa: ARG001
    variant = api.variant_of_settings(config_settings, PYPROJECT["variant"])
    files = {f"{PROJECT['name']}.py": f"LABEL = {variant and variant.label!r}\n".encode()}
    if variant:
        files[f"{INFO}variant.json"] = variant.variant_json(api.ask_build_plugins(variant.metadata.providers))
    requires = api.resolve_requirements(REQUIRES, variant and variant.variant)
    metadata = "\n".join([METADATA, *map("Requires-Dist: {}".format, requires), ""])
    files |= {f"{INFO}METADATA": metadata.encode(), f"{INFO}WHEEL": WHEEL}
    filename = variant.filename(FILENAME) if variant else FILENAME
    with ZipFile(Path(wheel_directory, filename), "w") as archive:
        record = f"{INFO}RECORD,,\n"
        for path, content in files.items():
            archive.writestr(ZipInfo(path), content)
            record += f"{path},sha256={b64(sha256(content).digest()).decode().rstrip('=')},{len(content)}\n"
        archive.writestr(ZipInfo(f"{INFO}RECORD"), record)
    return filename
