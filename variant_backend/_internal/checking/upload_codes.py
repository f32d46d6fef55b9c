"""The rules about what public indexes refuse."""

from __future__ import annotations

from collections.abc import Mapping

from ..wheels.soundness import REMEDIES
from .rule import UPLOAD, WARNING, Rule


def _upload(fact: str, remedy: str) -> Rule:
    return Rule((UPLOAD,), WARNING, fact, remedy)


UPLOAD_RULES: Mapping[str, Rule] = {
    "refused-field": _upload(
        "METADATA has a field that public indexes refuse.",
        "correct it in the project file, and rebuild the wheel",
    ),
    "missing-license-file": _upload(
        "METADATA names a license file that is not in the wheel.",
        "add the file to the project, or remove it from license-files, and rebuild the wheel",
    ),
    "script-name": _upload(
        "The name of a script has other characters than letters, digits, `_`, `.` and `-`.",
        REMEDIES["script-name"],
    ),
    "name-spelling": _upload(
        "The filename of a wheel has a project name that is not normalized.",
        "rebuild the wheel with a current build backend, which writes the normalized name",
    ),
    "local-version": _upload(
        "The version of a wheel has a local part.",
        "build the wheel without the part of the version after +, or serve it from your own index",
    ),
    "refused-platform": _upload(
        "Public indexes do not accept a platform tag.",
        "repair the wheel with auditwheel, or build it on another system",
    ),
    "large-upload": _upload(
        "A wheel or a release is larger than the default limits of PyPI.",
        "ask PyPI for a higher limit, or make the files smaller",
    ),
    "labelled-upload": _upload(
        "Public indexes refuse wheels with a label, and index files.",
        "upload only plain wheels and sdists there, and serve the release with"
        " `variant-backend index --simple DIR`",
    ),
}
