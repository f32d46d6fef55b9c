"""Define the extension module. Everything else is in pyproject.toml."""

import sys

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "variant_example_cibuildwheel._entropy",
            ["src/_entropy.c"],
            define_macros=[("Py_LIMITED_API", "0x030A0000")],
            libraries=[] if sys.platform == "win32" else ["m"],  # log2
            py_limited_api=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp310"}},  # one wheel for Python 3.10 and newer
)
