"""Builds libkakeya with Go into the package: the wheel fits one system and any
Python 3."""

import os
import pathlib
import subprocess
import sys

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

HERE = pathlib.Path(__file__).resolve().parent
LIBRARY = {"darwin": "libkakeya.dylib", "win32": "kakeya.dll"}.get(sys.platform, "libkakeya.so")


class BuildLibrary(build_py):
    def run(self):
        root = HERE.parent.parent
        if not (root / "capi" / "kakeya.h").exists():
            raise SystemExit(f"{root} is not the source of kakeya: build from bindings/python of a checkout")
        out = HERE / "kakeya_kv" / LIBRARY
        env = {**os.environ, "CGO_ENABLED": "1"}
        try:
            subprocess.run(
                ["go", "build", "-trimpath", "-ldflags=-s -w", "-buildmode=c-shared", "-o", str(out), "./capi"],
                cwd=root, env=env, check=True,
            )
        except FileNotFoundError:
            raise SystemExit("go is not on the PATH: the library is built with Go (https://go.dev/dl) and a C compiler") from None
        out.with_suffix(".h").unlink(missing_ok=True)  # cgo's own; kakeya.h is the interface
        super().run()


class PlatformWheel(bdist_wheel):
    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


class BinaryDistribution(Distribution):
    def has_ext_modules(self):
        return True


setup(cmdclass={"build_py": BuildLibrary, "bdist_wheel": PlatformWheel}, distclass=BinaryDistribution)
