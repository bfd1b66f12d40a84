#!/usr/bin/env python3
"""The module `deb` with Debian's own packages: they are replaced by ones of a higher version, and a rollback leaves
no difference anywhere.

usage: deb_real_test.py SYSTEM.tar PATCHBAY-ARTIFACT [--all]

SYSTEM.tar is made by deb_system.py and has some archives of Debian; with --all every package of the system is
fetched from where apt gets them. That replaces the C library, dpkg, apt, the shell and all that runs them.
"""
import os
import re
import sys

import deb_system

SYSTEM_TAR, ARTIFACT_TOOL = sys.argv[1:3]
ALL = "--all" in sys.argv
# Not part of what was there: notes of what has been done, and what can be made anew.
NO_MATTER = ("./proc", "./dev", "./tmp", "./run", "./raised", "./var/log", "./var/cache", "./var/lib/mender", "./var/lib/dpkg/status-old",
             "./var/lib/dpkg/*lock*", "./var/lib/dpkg/triggers/File")  # the last one by the order of its lines
LOOK = """cd / && find . -xdev \\( %s \\) -prune -o -printf '%%p %%y %%m %%U:%%G %%l\\n' | sort > /raised/{0}
find . -xdev \\( %s \\) -prune -o -type f -print0 | sort -z | xargs -0 md5sum >> /raised/{0}
sort /var/lib/dpkg/triggers/File >> /raised/{0}; dpkg --audit >> /raised/{0}; dpkg --verify >> /raised/{0}; apt-mark showauto >> /raised/{0}
""" % ((" -o ".join("-path '%s'" % path for path in NO_MATTER),) * 2)
FETCH = r"""apt-get update -q && apt-get download -q $(dpkg-query -W -f '${db:Status-Abbrev}${binary:Package}=${Version}\n' |
    sed -n 's/^ii //p' | grep -v -e patchbay -e '^demo=')"""
# A higher version of each, with other configuration, and with a file and a configuration file more.
RAISE = r"""cd /raised && for deb in /beside/real/*.deb; do
  rm -rf tree && dpkg-deb -R $deb tree && name=$(dpkg-deb -f $deb Package)
  sed -i -E 's/^(Version: .*)$/\1+raised/; s/\(= ([^)]+)\)/(= \1+raised)/g' tree/DEBIAN/control
  mkdir -p tree/usr/share/raised tree/etc/raised
  echo raised | tee tree/usr/share/raised/$name > tree/etc/raised/$name
  for conffile in $(sed -n '/^\/etc/p' tree/DEBIAN/conffiles 2> /dev/null); do echo '# raised' >> tree$conffile; done
  echo /etc/raised/$name >> tree/DEBIAN/conffiles
  dpkg-deb -Zgzip -z1 -b tree new/$name.deb > /dev/null || exit 1
done; rm -rf tree"""


class RealPackages(deb_system.DebCase):
    def test_packages_of_debian_come_back_to_the_letter(self):
        self.run_in("mkdir -p /raised/new /beside/real")
        if ALL:
            self.run_in("cd /beside/real && rm -f *.deb && " + FETCH)
        self.run_in("rm -rf /var/lib/apt/lists && " + RAISE)
        # Edited, removed, and by another route than the package's.
        self.run_in("echo '# mine' >> /etc/bash.bashrc; rm /etc/skel/.profile; mv /etc/login.defs /etc/mine; ln -s mine /etc/login.defs")
        self.run_in(LOOK.format("before"))
        new = self.system.path("raised/new")
        debs = [os.path.join(new, name) for name in os.listdir(new)]
        self.assertGreaterEqual(len(debs), 60 if ALL else 6)
        self.install(*debs, meta={"conffiles": "new", "reboot": "never"})
        said = self.run_in("dpkg-query -W -f '${db:Status-Abbrev}${Version}\\n'")
        self.assertEqual(len(re.findall(r"^ii .*\+raised$", said, re.MULTILINE)), len(debs))
        self.run_in("patchbay rollback")
        self.run_in(LOOK.format("after"))
        self.assertEqual(self.run_in("diff /raised/before /raised/after || true"), "")


if __name__ == "__main__":
    deb_system.run(SYSTEM_TAR, ARTIFACT_TOOL, [word for word in sys.argv[3:] if word != "--all"])
