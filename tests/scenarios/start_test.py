#!/usr/bin/env python3
"""What every start of the client pays for: the libraries that it is linked to."""
import os
import re
import subprocess
import unittest

import scenario

# Loaded when they are needed (docs/adr/0005, 0013): most calls of the client need neither.
ON_DEMAND = {"libcrypto", "libcurl"}


class Start(unittest.TestCase):
    def test_loads_no_library_that_only_some_calls_need(self):
        scenario.need("readelf")
        listing = subprocess.run(["readelf", "--dynamic", os.environ["PATCHBAY"]], check=True,
                                 capture_output=True, text=True).stdout
        linked = set(re.findall(r"\(NEEDED\).*\[(lib[^.]*)", listing))
        self.assertIn("libc", linked)
        self.assertEqual(linked & ON_DEMAND, set())


if __name__ == "__main__":
    scenario.main()
