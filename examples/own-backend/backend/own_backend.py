"""A build backend that makes variants of its wheels (PEP 517, PEP 825)."""

import importlib
import sys
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from variant_backend import api

tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
PYPROJECT = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
PROJECT, REQUIRES = PYPROJECT["project"], PYPROJECT["tool"]["own-backend"]["dependencies"]
INFO = "{name}-{version}.dist-info/".format(**PROJECT)
METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".format(**PROJECT)
WHEEL = b"Wheel-Version: 1.0\nGenerator: own_backend\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def requested(config_settings):
    try:
        return api.variant_of_settings(config_settings, PYPROJECT["variant"])
    except api.VariantError as error:
        sys.exit(f"error: {error}")


def get_requires_for_build_wheel(config_settings=None):
    variant = requested(config_settings)
    return variant.build_requires() if variant else []


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):  # noqa: ARG001
    variant = requested(config_settings)
    files = {f"{PROJECT['name']}.py": f"LABEL = {variant and variant.label!r}\n".encode()}
    filename = "{name}-{version}-py3-none-any.whl".format(**PROJECT)
    if variant:
        files[f"{INFO}variant.json"] = variant.variant_json(api.ask_build_plugins(variant.metadata.providers))
        filename, requires = variant.filename(filename), variant.requirements(REQUIRES)
    else:
        requires = filter(None, (api.resolve_requirement_on_machine(text, None) for text in REQUIRES))
    fields = "".join(f"Requires-Dist: {text}\n" for text in requires)
    files |= {f"{INFO}METADATA": f"{METADATA}{fields}".encode(), f"{INFO}WHEEL": WHEEL}
    with ZipFile(Path(wheel_directory, filename), "w") as archive:
        record = f"{INFO}RECORD,,\n"
        for path, content in files.items():
            archive.writestr(ZipInfo(path), content)
            digest = urlsafe_b64encode(sha256(content).digest()).decode().rstrip("=")
            record += f"{path},sha256={digest},{len(content)}\n"
        archive.writestr(ZipInfo(f"{INFO}RECORD"), record)
    return filename
