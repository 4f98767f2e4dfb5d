import pathlib
import re
import runpy

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")


def test_the_example_compresses_a_cache(capsys):
    runpy.run_path(str(pathlib.Path(__file__).parent.parent / "examples" / "transformers_cache.py"))
    tokens, stored, exact = map(int, re.findall(r"\d+", capsys.readouterr().out)[:3])
    assert tokens == 319 and stored < exact / 2
