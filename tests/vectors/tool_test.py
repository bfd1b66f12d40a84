#!/usr/bin/env python3
"""Every test vector through `validate` and `read` of the artifact tool, under both of its names.

usage: tool_test.py [--large] EXPECTATIONS VECTORS PATCHBAY_ARTIFACT MENDER_ARTIFACT

The verdict has to be the expected one, a refusal has to say why, and `read` has to find all that
the expectations say is in a good one. --large: only the vector with a file of 8 GiB.
"""
import json
import os
import subprocess
import sys
import unittest

LARGE = "--large" in sys.argv
EXPECTATIONS, VECTORS, OWN, MENDER = [word for word in sys.argv[1:] if word != "--large"]
OWN_INVALID, MENDER_INVALID = 5, 5


def run(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=400)


def load():
    with open(EXPECTATIONS, encoding="utf-8") as file:
        rows = json.load(file)["vectors"]
    return [row for row in rows if bool(row.get("large")) == LARGE]


def good(row):
    return (row["ours"] if row["must"] == "may" else row["must"]) == "accept"


def good_as_mender(row):
    """Under that program's name an augmented artifact is valid, though no device installs it."""
    return good(row) or row.get("as_mender") == "accept"


def described(row):
    return good(row) and "content" in row


def file_of(row):
    return os.path.join(VECTORS, row["file"])


def keys_of(row):
    return ["-k", os.path.join(VECTORS, row["verify_key"])] if "verify_key" in row else []


class Vectors(unittest.TestCase):
    maxDiff = None

    def each(self, wanted, check):
        rows = [row for row in load() if wanted(row)]
        self.assertGreater(len(rows), 25)
        for row in rows:
            with self.subTest(row["name"], why=row["why"]):
                check(row)

    def test_all_are_there(self):
        self.assertEqual(len(load()), 251)
        for row in load():
            self.assertTrue(os.path.exists(file_of(row)), file_of(row))

    def test_validate_under_both_names(self):
        self.each(lambda row: True, self.check_validate_under_both_names)

    def check_validate_under_both_names(self, row):
        own = run(OWN, "validate", *keys_of(row), file_of(row))
        mender = run(MENDER, "validate", *keys_of(row), file_of(row))

        if good(row):
            self.assertEqual((own.returncode, own.stderr), (0, ""))
        else:
            self.assertEqual((own.returncode, own.stdout), (OWN_INVALID, ""))
            self.assertIn(file_of(row) + ": ", own.stderr)
        if good_as_mender(row):
            self.assertEqual((mender.returncode, mender.stderr), (0, ""))
            self.assertEqual(mender.stdout, "Artifact file '%s' validated successfully\n" % file_of(row))
        else:
            self.assertEqual((mender.returncode, mender.stdout), (MENDER_INVALID, ""))
            self.assertNotEqual(mender.stderr, "")
            if "augment" not in own.stderr:
                self.assertIn(mender.stderr, own.stderr)  # the same words, without our name in front

    def test_read_refuses_what_validate_refuses(self):
        self.each(lambda row: not good_as_mender(row), self.check_read_refuses_what_validate_refuses)

    def test_read_tells_what_an_augmented_artifact_adds(self):
        rows = [row for row in load() if row.get("as_mender") == "accept"]
        self.assertEqual(len(rows), 5)
        for row in rows:
            with self.subTest(row["name"]):
                shown = json.loads(run(OWN, "read", "--json", *keys_of(row), file_of(row)).stdout)
                self.assertIn("augment", shown["payloads"][0])
                if "content" in row:
                    self.assertEqual(shown["entries"], row["content"]["outer"])
                    self.assertEqual(shown["payloads"][0]["type"], row["content"]["type"])

    def check_read_refuses_what_validate_refuses(self, row):
        own = run(OWN, "read", *keys_of(row), file_of(row))
        mender = run(MENDER, "read", "--no-progress", *keys_of(row), file_of(row))

        self.assertIn(own.returncode, (1, OWN_INVALID))
        self.assertEqual(mender.returncode, 1)
        self.assertNotEqual(own.stderr, "")

    def test_read_finds_everything(self):
        self.each(described, self.check_read_finds_everything)

    def check_read_finds_everything(self, row):
        result = run(OWN, "read", "--json", *keys_of(row), file_of(row))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        found, content = json.loads(result.stdout), row["content"]
        payload = found["payloads"][0]

        self.assertEqual(len(found["payloads"]), 1)
        self.assertEqual(found["entries"], content["outer"])
        self.assertEqual(found["artifact_name"], content["artifact_name"])
        self.assertEqual(found["artifact_group"], content.get("group"))
        self.assertEqual(found["compatible_types"], content["device_types"])
        self.assertEqual(found["depends_artifact_name"], content.get("depends_artifact_name", []))
        self.assertEqual(found["depends_artifact_group"], content.get("depends_artifact_group", []))
        self.assertEqual(sorted(script["name"] for script in found["scripts"]),
                         sorted(content.get("scripts", [])))
        self.assertEqual(payload["type"], content["type"])
        self.assertEqual(payload["provides"], content.get("provides", {}))
        depends = {key: values[0] if len(values) == 1 else values
                   for key, values in payload["depends"].items()}
        self.assertEqual(depends, content.get("depends", {}))
        self.assertEqual(payload["clears"], content.get("clears"))
        self.assertEqual(payload["meta_data"], content.get("meta_data"))
        files = [{key: file[key] for key in ("name", "size", "sha256")} for file in payload["files"]]
        if "files" in content:
            self.assertEqual(files, content["files"])
        state = "verified" if "verify_key" in row else "none"
        self.assertEqual(found["signature"]["state"], state)

    def test_read_for_people_names_everything(self):
        self.each(described, self.check_read_for_people_names_everything)

    def check_read_for_people_names_everything(self, row):
        content = row["content"]
        words = [content["artifact_name"], *content["device_types"], *content.get("scripts", []),
                 *content.get("provides", {}), *content.get("provides", {}).values(),
                 *(content.get("clears") or [])]
        for file in content.get("files", []):
            words += [file["name"], file["sha256"], str(file["size"])]
        for program in (OWN, MENDER):
            result = run(program, "read", *keys_of(row), file_of(row))
            self.assertEqual(result.returncode, 0)
            for word in words:
                self.assertIn(word, result.stdout)



class LargeVector(Vectors):
    """One vector, which is good, through all that the others go through."""

    def each(self, wanted, check):
        rows = load()
        self.assertEqual(len(rows), 1)
        for row in filter(wanted, rows):
            check(row)

    def test_all_are_there(self):
        self.assertEqual([row["name"] for row in load()], ["large-8GiB"])
        self.assertTrue(os.path.exists(file_of(load()[0])))

    def test_read_tells_what_an_augmented_artifact_adds(self):
        self.assertEqual([row for row in load() if row.get("as_mender")], [])


if __name__ == "__main__":
    del globals()["Vectors" if LARGE else "LargeVector"]
    unittest.main(argv=sys.argv[:1])
