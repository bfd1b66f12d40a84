#!/usr/bin/env python3
"""The artifact tool, its man pages and its completion know the same commands and options.

usage: artifact_options_test.py PROGRAM MAN_DIRECTORY COMPLETION

The options of `write` depend on the payload type; they are held against the page in
tests/scenarios/artifact_write_test.py.
"""
import pathlib
import re
import subprocess
import sys


def help_of(program, *command):
    return subprocess.run([program, *command, "--help"], capture_output=True, text=True, check=True).stdout


def long_options(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text))


def main(program, manuals, completion):
    bash = pathlib.Path(completion).read_text(encoding="utf-8")
    listing = help_of(program).partition("Commands:")[2]
    commands = re.findall(r"^  ([a-z]+) ", listing, re.MULTILINE)
    mistakes = [] if len(commands) > 10 else ["--help lists no commands"]
    overview = (pathlib.Path(manuals) / "patchbay-artifact.1").read_text(encoding="utf-8")
    mistakes += ["patchbay-artifact.1 does not name " + command for command in commands
                 if not re.search(r"patchbay\\-artifact\\-%s" % command, overview)]
    for command in commands:
        page = pathlib.Path(manuals) / ("patchbay-artifact-%s.1" % command)
        if not page.exists():
            mistakes.append("no man page of " + command)
            continue
        if not re.search(rf"[\" ]{command}[\" )]", bash):
            mistakes.append("the completion does not know " + command)
        if command == "write":
            offered = long_options(bash)
            for kind in ("module", "rootfs-image"):
                for option in sorted(long_options(help_of(program, command, kind)) - offered - {"--help", "--device-type"}):
                    mistakes.append("the completion does not know %s of write %s" % (option, kind))
            continue
        known = long_options(help_of(program, command).partition("\nExample:")[0])
        options = page.read_text(encoding="utf-8").replace("\\-", "-").partition(".SH OPTIONS")[2]
        described = long_options("\n".join(re.findall(r"^\.TP\n(.*)", options, re.MULTILINE)))
        also = {"--name", "--help"}  # another spelling; what every command has
        for option in sorted(known - described - also):
            mistakes.append("%s does not describe %s" % (page.name, option))
        for option in sorted(described - known):
            mistakes.append("%s describes %s, which the program does not know" % (page.name, option))
        for option in sorted(known - long_options(bash) - also):
            mistakes.append("the completion does not know %s of %s" % (option, command))
    for mistake in mistakes:
        print(mistake)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
