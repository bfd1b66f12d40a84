#!/usr/bin/env python3
"""The program, its man page and its completion know the same commands and options.

usage: options_test.py CLIENT MAN_PAGE COMPLETION UNIT
"""

import pathlib
import re
import subprocess
import sys


def help_of(client, *command):
    result = subprocess.run([client, *command, "--help"], capture_output=True, text=True, check=True)
    return result.stdout


def long_options(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


def commands_of(help_text):
    """First words of the lines below "Subcommands:"."""
    _, _, tail = help_text.partition("Subcommands:")
    return re.findall(r"^  (\S+)", tail, re.MULTILINE)


def main(client, page, completion, unit):
    man = pathlib.Path(page).read_text(encoding="utf-8").replace("\\-", "-")
    bash = pathlib.Path(completion).read_text(encoding="utf-8")
    top = help_of(client)
    commands = commands_of(top)
    options = {"": long_options(top)}
    for command in commands:
        options[command] = long_options(help_of(client, command))
    program = set().union(*options.values())
    mistakes = [] if commands else ["--help lists no commands"]

    for command in commands:
        if not re.search(rf"^\.BI? {command}\b", man, re.MULTILINE):
            mistakes.append(f"the man page does not describe the command {command}")
        if not re.search(rf"[\" ]{command}[\" ]", bash):
            mistakes.append(f"the completion does not know the command {command}")
    for option in sorted(program - long_options(man)):
        mistakes.append(f"the man page does not describe {option}")
    for option in sorted(long_options(man) - program):
        mistakes.append(f"the man page describes {option}, which the program does not know")
    for option in sorted(program - long_options(bash)):
        mistakes.append(f"the completion does not know {option}")
    for option in sorted(long_options(bash) - program):
        mistakes.append(f"the completion offers {option}, which the program does not know")

    start = re.search(r"^ExecStart=\S+ (\S+)(.*)$", pathlib.Path(unit).read_text(encoding="utf-8"),
                      re.MULTILINE)
    for option in sorted(long_options(start.group(2)) - options.get(start.group(1), set())):
        mistakes.append(f"the unit uses {option}, which {start.group(1)} does not know")

    for mistake in mistakes:
        print(mistake)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
