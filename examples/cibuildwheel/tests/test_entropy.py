import json
import unittest
from importlib.metadata import distribution

from variant_example_cibuildwheel import compiled_for, entropy


class EntropyTest(unittest.TestCase):
    def test_all_bytes_alike_say_nothing(self):
        self.assertEqual(entropy(b"aaaa"), 0)

    def test_all_bytes_once_say_eight_bits_each(self):
        self.assertEqual(entropy(bytes(range(256))), 8)

    def test_it_is_compiled_for_what_its_metadata_says(self):
        text = distribution("variant-example-cibuildwheel").read_text("variant.json")
        (label,) = json.loads(text)["variants"] if text else ["null"]
        self.assertEqual(compiled_for(), "any" if label == "null" else label)
