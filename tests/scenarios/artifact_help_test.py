#!/usr/bin/env python3
"""What a person sees of the artifact tool: help that fits a screen and has an example, a progress bar
on a terminal; and a guard that every option of every command is used in some test."""
import glob
import os
import pty
import re
import subprocess

import artifact_tool as tool
import scenario

HERE = os.path.dirname(os.path.abspath(__file__))
MOST_LINES, MOST_COLUMNS = 42, 112
OWN_WRITE = ["rootfs-image", "rootfs-delta", "rootfs-chunks", "single-file", "directory", "script", "deb", "docker",
             "podman", "docker-compose", "app", "bootloader", "firmware", "dir-overlay", "persistent-app", "mender-configure", "reboot", "module",
             "bootstrap", "manifest"]
MENDER_WRITE = ["rootfs-image", "module-image", "bootstrap-artifact"]
EVERYWHERE = {"--help", "-h"}
FACES = {"patchbay-artifact": (tool.OWN, OWN_WRITE), "mender-artifact": (tool.COMPAT, MENDER_WRITE)}


def commands(program, kinds):
    listing = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    names = re.findall(r"(?m)^  ([a-z]+) ", listing.partition("Commands:")[2])
    return [[name] for name in names if name != "write"] + [["write", kind] for kind in kinds]


def help_of(program, words):
    return subprocess.run([program, *words, "--help"], capture_output=True, text=True, check=True).stdout


class Help(tool.Case):
    def each(self, check):
        for name, (program, kinds) in FACES.items():
            found = commands(program, kinds)
            self.assertGreater(len(found), 14)
            for words in found:
                with self.subTest(program=name, command=words):
                    check(name, words, help_of(program, words))

    def test_fits_a_screen_and_has_an_example(self):
        def check(name, words, text):
            self.assertLessEqual(len(text.splitlines()), MOST_LINES)
            self.assertLessEqual(max(map(len, text.splitlines())), MOST_COLUMNS)
            self.assertIn("Example:\n  %s %s" % (name, words[0]), text)

        self.each(check)
        for program, _ in FACES.values():
            self.assertLessEqual(len(help_of(program, []).splitlines()), 24)
            self.assertLessEqual(len(help_of(program, ["write"]).splitlines()), 30)

    def test_no_type_is_left_out(self):
        listed = re.findall(r"(?m)^  ([a-z-]+) +\w", help_of(tool.OWN, ["write"]).partition("Example:")[0])
        self.assertEqual(sorted(listed), sorted(kind for kind in OWN_WRITE if kind != "manifest"))

    def test_every_option_has_a_test(self):
        tested = ""
        for path in glob.glob(os.path.join(HERE, "artifact_*_test.py")) + glob.glob(os.path.join(HERE, "../encrypted/*.py")):
            with open(path, encoding="utf-8") as file:
                tested += file.read()
        used = set(re.findall(r"""(?<![\w-])--?[a-zA-Z][a-z0-9-]*""", tested))

        def check(_, __, text):
            options = re.findall(r"(?m)^  (-[^ ]*)", text.partition("Example:")[0])
            self.assertGreater(len(options), 0)
            names = {name for line in options for name in line.split(",")}
            self.assertEqual(names - EVERYWHERE - used, set())

        self.each(check)


class ProgressBar(tool.Case):
    """Drawn on a terminal, and only there."""

    def on_terminal(self, *arguments):
        """What the command writes to a terminal that is its standard error."""
        terminal, slave = pty.openpty()
        process = subprocess.Popen(arguments, stderr=slave, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                                   cwd=self.directory)
        os.close(slave)
        shown = b""
        try:
            while True:
                shown += os.read(terminal, 4096)
        except OSError:  # the terminal is gone with the program
            pass
        os.close(terminal)
        self.assertEqual(process.wait(timeout=60), 0, shown)
        return shown.decode()

    def arguments(self, program, kind):
        return [program, "write", kind, "-T", "t", "-n", "r", "-t", "b", "-f", "large", "-o", "a.mender"]

    def test_is_drawn_and_taken_away(self):
        self.file("large", os.urandom(8 << 20))
        for program, kind in ((tool.OWN, "module"), (tool.COMPAT, "module-image")):
            with self.subTest(program):
                bar, _, after = self.on_terminal(*self.arguments(program, kind)).rpartition("\x1b[K")

                self.assertRegex(bar, r"\[=* *\] +\d+ %  [0-9.]+ ?[KMG]?i?B/s  \d+ s left")
                self.assertNotIn("%", after)

    def test_is_not_drawn_where_it_is_not_wanted(self):
        self.file("large", os.urandom(1 << 20))

        self.assertNotIn("%", self.on_terminal(*self.arguments(tool.OWN, "module"), "--no-progress"))
        self.assertNotIn("%", self.own(*self.arguments(tool.OWN, "module")[1:]).stderr)
        self.assertEqual(self.compat(*self.arguments(tool.COMPAT, "module-image")[1:]).stderr, "")


if __name__ == "__main__":
    tool.main()
