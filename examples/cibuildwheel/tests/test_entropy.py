import json
import sys
import unittest
from importlib.metadata import distribution

from variant_example_cibuildwheel import compiled_for, entropy


class EntropyTest(unittest.TestCase):
    def test_equal_bytes_have_zero_bits(self):
        self.assertEqual(entropy(b"aaaa"), 0)

    def test_all_different_bytes_have_eight_bits(self):
        self.assertEqual(entropy(bytes(range(256))), 8)

    def test_compiled_level_matches_the_metadata(self):
        text = distribution("variant-example-cibuildwheel").read_text("variant.json")
        (label,) = json.loads(text)["variants"] if text else ["null"]
        if label == "null" or (label == "x86_64_v2" and sys.platform == "win32"):
            label = "any"
        self.assertEqual(compiled_for(), label)
