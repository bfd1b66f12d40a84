#!/usr/bin/env python3
"""Artifacts from manifest files: several payloads, what the command line overrides, and mistakes."""
import json
import os
import re

import scenario
from artifact_write_test import TOOL, TYPES, Workshop, run


class Manifest(Workshop):
    TEXT = """
artifact-name: rel-3
compatible-types: [box, crate]
provides-group: fleet
depends-groups: fleet
artifact-name-depends: [rel-1, rel-2]
scripts: scripts
compression: xz:1
payloads:
  - type: directory
    directory: web
    dest-dir: /srv/web
    software-name: web
  - type: single-file
    file: app.conf
    dest: /etc/app.conf
    provides: {build: 17}
    depends: {os: 12}
    clears-provides: [old.*]
    no-default-clears-provides: true
  - type: something-else
    file: [undo.sh, empty]
    meta-data: meta.json
    no-default-software-version: true
    clears-provides: []
"""

    def manifest(self, text, *more, code=0):
        self.make("in/../release.yaml", text)
        result = run(TOOL, "write", "manifest", self.path("release.yaml"), "-o", self.path("out.mender"), *more)
        self.assertEqual(result.returncode, code, result.stderr)
        return result

    def setUp(self):
        os.makedirs(self.path("in"), exist_ok=True)

    def test_several_payloads(self):
        self.manifest(self.TEXT)
        shown = json.loads(run(TOOL, "read", "--json", self.path("out.mender")).stdout)
        self.assertEqual([p["type"] for p in shown["payloads"]], ["directory", "single-file", "something-else"])
        self.assertEqual(shown["artifact_name"], "rel-3")
        self.assertEqual(shown["compatible_types"], ["box", "crate"])
        self.assertEqual(shown["artifact_group"], "fleet")
        web, conf, other = shown["payloads"]
        self.assertEqual(web["provides"], {"rootfs-image.web.version": "rel-3"})
        self.assertEqual(conf["provides"], {"build": "17", "rootfs-image.single-file.version": "rel-3"})
        self.assertEqual(conf["depends"], {"os": ["12"]})
        self.assertEqual(conf["clears"], ["old.*"])
        self.assertEqual([f["name"] for f in other["files"]], ["undo.sh", "empty"])
        self.assertEqual(other["clears"], [])
        self.assertEqual(len(shown["scripts"]), 2)

    IMAGES = """
artifact-name: rel-3
compatible-types: box
payloads:
  - {type: rootfs-image, file: payload.img, software-version: 7, software-filesystem: sf, no-checksum-provide: true}
  - {type: rootfs-image, file: payload.img, software-name: sn, legacy-rootfs-image-checksum: true}
"""

    def test_keys_of_images(self):
        self.manifest(self.IMAGES)
        first, second = json.loads(run(TOOL, "read", "--json", self.path("out.mender")).stdout)["payloads"]
        self.assertEqual((first["provides"], first["clears"]), ({"sf.version": "7"}, ["sf.*"]))
        self.assertEqual(sorted(second["provides"]), ["rootfs-image.sn.version", "rootfs_image_checksum"])

    def test_every_key_has_a_test(self):
        schema = json.loads(run(TOOL, "schema").stdout)
        of_types = {t["properties"]["type"].get("const"): set(t["properties"]) for t in schema["properties"]["payloads"]["items"]["oneOf"]}
        used = set(re.findall(r"(?m)([a-z-]+): ?", self.TEXT + self.IMAGES))
        self.assertEqual(set(schema["properties"]) - used, set())
        self.assertEqual(of_types["rootfs-image"] - used, set())
        self.assertEqual(of_types[None] - used, set())

    def test_command_line_wins(self):
        self.manifest(self.TEXT, "-n", "rel-9", "-t", "other", "--compression", "none", "-k", self.keys["ec"][0])
        shown = json.loads(run(TOOL, "read", "--json", self.path("out.mender")).stdout)
        self.assertEqual((shown["artifact_name"], shown["compatible_types"]), ("rel-9", ["other"]))
        valid = run(TOOL, "validate", "-k", self.keys["ec"][1], self.path("out.mender"))
        self.assertEqual(valid.returncode, 0, valid.stderr)

    def test_mistakes_are_named_with_their_line(self):
        for text, words in (
                ("payloads: []\n", ("release.yaml", "payloads")),
                ("artifact_name: x\npayloads: [{type: t}]\n", ("line 1", "artifact_name", "artifact-name")),
                ("payloads:\n  - type: single-file\n    dst: /x\n", ("line 3", "dst", "dest-dir")),
                ("payloads:\n  - type: single-file\n    file: missing\n    dest: /x\n", ("--file", "missing")),
                ("payloads:\n  - file: x\n", ("line 2", "type")),
                ("artifact-name: [a]\npayloads: [{type: t}]\n", ("line 1", "artifact-name")),
                ("payloads: [{type: t}\n", ("line", "release.yaml")),
                ("payloads:\n  - type: t\n    type: u\n", ("line 3", "twice")),
                ("payloads:\n  - type: t\n    no-default-clears-provides: maybe\n", ("line 3", "true or false"))):
            with self.subTest(text=text):
                result = self.manifest(text, "-n", "x", "-t", "y", code=64)
                for word in words:
                    self.assertIn(word, result.stderr)

    def test_schema_knows_every_type_and_key(self):
        schema = json.loads(run(TOOL, "schema").stdout)
        types = schema["properties"]["payloads"]["items"]["oneOf"]
        named = {t["properties"]["type"].get("const") for t in types}
        self.assertLessEqual(set(TYPES) - {"module"}, named)
        known = {key for t in types for key in t["properties"]}
        for line in self.TEXT.splitlines():
            key = line.strip(" -").split(":")[0]
            if key:
                self.assertTrue(key in schema["properties"] or key in known, key)


if __name__ == "__main__":
    scenario.main()
