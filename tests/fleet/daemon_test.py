#!/usr/bin/env python3
"""patchbay daemon: how it begins and ends, who it says it is, what it asks and reports, and when."""
import json
import os
import re
import shutil
import signal
import subprocess

import both_clients
import device_server
import fleet
from fleet import main, scenario

SELDOM = {"UpdatePollIntervalSeconds": 3600, "InventoryPollIntervalSeconds": 3600, "RetryPollIntervalSeconds": 1}
NAMES = ("patchbay", "mender-update", "mender")


class Daemon(fleet.FleetScenario):
    def asked(self, prefix="next"):
        return [name for name in self.server.sequence() if name.startswith(prefix)]

    def polled(self, more=1):
        """Waits until the server has been asked for a deployment so many times more."""
        self.requested("next-v1-get", len(self.server.named("next-v1-get")) + more)


class Acceptance(both_clients.Acceptance, Daemon):
    pass


class Deployments(both_clients.Deployments, Daemon):
    pass


class Trouble(both_clients.Trouble, Daemon):
    pass


class Downloads(both_clients.Downloads, Daemon):
    pass


class Beginning(Daemon):
    def refused(self, *words, name="patchbay"):
        result = self.client("daemon", code=1, name=name)
        for word in words:
            self.assertIn(word, result.stderr)
        self.assertEqual(self.server.requests, [])
        return result

    def test_without_a_server(self):
        del self.device.settings["ServerURL"]
        self.configure()
        for name in NAMES:
            self.refused("ServerURL", self.device.path("etc/mender.conf"), name=name)

    def test_every_name_has_it(self):
        for name in NAMES:
            with self.subTest(name):
                self.daemon.command = self.device.command("daemon", name=name)
                self.start()
                self.requested("next", len(self.server.named("next")) + 1)
                self.assertEqual(self.daemon.stop(), 0)

    def test_ends_when_told(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                self.start()
                self.polled()
                self.assertEqual(self.daemon.stop(number), 0)

    def test_ends_while_the_server_cannot_be_reached(self):
        self.server.vanish()
        self.start()
        self.until(lambda: "127.0.0.1" in self.daemon.text(), "words about the server")
        self.assertEqual(self.daemon.stop(), 0)

    def test_one_at_a_time(self):
        self.start()
        self.polled()
        requests = len(self.server.named("auth"))
        result = self.client("daemon", code=1)
        self.assertIn("already: process %d" % self.daemon.process.pid, result.stderr)
        self.assertEqual(len(self.server.named("auth")), requests)

    def test_tier_that_is_none(self):
        self.configure(DeviceTier="mega")
        self.refused("DeviceTier", "mega")

    def test_server_that_is_no_address(self):
        self.configure(ServerURL="mender.example.com")
        self.refused("mender.example.com")

    def test_device_without_a_type(self):
        os.unlink(self.device.path("data/device_type"))
        self.refused(self.device.path("data/device_type"))

    def test_damaged_store_is_kept(self):
        content = os.urandom(20000)
        with open(self.device.path("data/mender-store"), "wb") as file:
            file.write(content)
        self.start()
        scenario.wait_for(lambda: "mender-store" in self.daemon.text(), "words about the store", fleet.LIMIT)
        self.daemon.stop()
        with open(self.device.path("data/mender-store"), "rb") as file:
            self.assertEqual(file.read(), content)

    def test_damaged_key_is_kept(self):
        for content in ("", "nonsense\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
            path = self.device.write("data/mender-agent.pem", content, 0o600)
            self.refused(path)
            with open(path) as file:
                self.assertEqual(file.read(), content)


class Keys(Daemon):
    def test_one_is_made_and_kept(self):
        path = self.device.path("data/mender-agent.pem")
        self.start()
        self.polled()
        self.daemon.stop()
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertIn(b"ED25519", scenario.openssl("pkey", "-in", path, "-noout", "-text").stdout)
        self.start()
        self.polled()
        self.assertEqual(len(self.server.authentication.sets), 1)

    def test_keys_of_all_kinds_and_of_mender(self):
        for kind in ("rsa", "ec"):
            for form in ("", ".pkcs8"):
                with self.subTest(kind + form):
                    private, _ = scenario.make_key(self.device, "key", kind)
                    os.rename(private + form, self.device.path("data/mender-agent.pem"))
                    os.chmod(self.device.path("data/mender-agent.pem"), 0o600)
                    self.start()
                    self.requested("auth", len(self.server.named("auth", 200)) + 1, status=200)
                    self.daemon.stop()
        self.assertEqual(len(self.server.authentication.sets), 4)

    def test_key_that_is_configured(self):
        private, public = scenario.make_key(self.device, "key", "ec")
        self.configure(Security={"AuthPrivateKey": private})
        self.start()
        asked = self.requested("auth", status=200)[0].json()
        with open(public) as file:
            self.assertEqual(asked["pubkey"].strip(), file.read().strip())
        self.assertFalse(os.path.exists(self.device.path("data/mender-agent.pem")))

    def test_key_that_is_configured_and_missing(self):
        missing = self.device.path("none.pem")
        self.configure(Security={"AuthPrivateKey": missing})
        self.assertIn(missing, self.client("daemon", code=1).stderr)
        self.assertFalse(os.path.exists(missing))


class Identity(Daemon):
    def id_data(self):
        return self.requested("auth", status=200)[0].json()["id_data"]

    def test_login_is_as_menders(self):
        self.configure(TenantToken="org-1")
        self.start()
        request = self.requested("auth", status=200)[0]
        self.assertEqual(set(request.json()), {"id_data", "pubkey", "tenant_token", "tier"})
        self.assertEqual((request.json()["tenant_token"], request.json()["tier"]), ("org-1", "standard"))
        self.assertEqual(request.json()["id_data"], '{"mac":"02:00:00:00:00:01","serial":"7"}')
        self.assertNotIn(b" ", re.sub(rb"-----[^-]+-----", b"", request.body))
        self.assertEqual(request.headers["Content-Type"], "application/json")
        self.assertNotIn("Expect", request.headers)
        self.assertNotIn("Transfer-Encoding", request.headers)

    def test_no_tenant_and_another_tier(self):
        self.configure(DeviceTier="micro")
        self.start()
        asked = self.requested("auth", status=200)[0].json()
        self.assertEqual((asked.get("tenant_token"), asked["tier"]), (None, "micro"))

    def test_values_that_repeat_and_characters_of_all_kinds(self):
        self.identity_script("printf 'b=2\\na=x=y\\nb=\"\\\\1<&\\nc=\\303\\244\\t\\n'")
        self.start()
        self.assertEqual(json.loads(self.id_data()), {"a": "x=y", "b": ["2", '"\\1<&'], "c": "ä\t"})

    def test_script_that_fails_means_no_login(self):
        for text in ("exit 1", "exit 0"):
            with self.subTest(text):
                script = self.identity_script(text)
                self.start()
                self.until(lambda: script in self.daemon.text(), "words about the script")
                self.assertEqual(self.server.requests, [])
                self.daemon.stop()
        self.start()
        self.identity(**fleet.IDENTITY)
        self.requested("auth", status=200)

    def test_without_a_script_it_is_the_address_of_the_first_interface(self):
        os.unlink(self.device.path("share/identity/mender-device-identity"))
        address = self.first_address()
        self.start()
        if address is None:  # a machine without any
            self.until(lambda: "mender-device-identity" in self.daemon.text(), "words about what to do")
            self.assertEqual(self.server.requests, [])
        else:
            self.assertEqual(json.loads(self.id_data()), {"mac": address})

    def first_address(self):
        found = {}
        for name in os.listdir("/sys/class/net"):
            base = os.path.join("/sys/class/net", name)
            if os.path.isdir(base) and self.line(base, "type") == "1" and not name.startswith("dummy"):
                found[int(self.line(base, "ifindex"))] = self.line(base, "address")
        return found[min(found)] if found else None

    def line(self, directory, name):
        with open(os.path.join(directory, name)) as file:
            return file.read().strip()


class Inventory(Daemon):
    def names(self, request):
        return [attribute["name"] for attribute in request.json()]

    def test_what_it_holds(self):
        self.inventory_script("mender-inventory-more", "echo hostname=box")
        self.inventory_script("mender-inventory-broken", "echo lost=1; exit 1")
        self.inventory_script("other", "echo other=1")
        self.install(scenario.payload(None, provides={"rootfs-image.version": "r1"}), name="first")
        self.start()
        request = self.requested("inventory", status=200)[0]
        self.assertEqual(self.names(request), sorted(self.names(request)))
        attributes = self.server.inventory()
        version = attributes.pop("mender_client_version")
        self.assertRegex(version, r"^\d+\.\d+")
        attributes.pop("mender_client_version_provider", None)
        self.assertEqual(attributes, {"artifact_name": "first", "device_type": "board", "hostname": "box", "ip": ["a", "b"],
                                      "kernel": "6.1", "rootfs-image.version": "r1"})

    def test_sent_when_something_changes_and_after_a_login(self):
        self.start()
        self.requested("inventory", status=200)
        self.polled(4)  # of four intervals of the inventory at least one has passed as well
        self.assertEqual(len(self.server.named("inventory")), 1)
        self.inventory_script("mender-inventory-kernel", "echo kernel=6.2")
        self.until(lambda: self.server.inventory().get("kernel") == "6.2", "the change")
        count = len(self.server.named("inventory"))
        self.server.authentication.forget_tokens()
        self.requested("inventory", count + 1, status=200)

    def test_device_without_scripts(self):
        subprocess.run(["rm", "-r", self.device.path("share/inventory")], check=True)
        self.start()
        self.requested("inventory", status=200)
        self.assertEqual(self.server.inventory()["device_type"], "board")

    def test_refusal_does_not_keep_deployments_away(self):
        self.server.fault("inventory", device_server.answer(400, b'{"error": "too many attributes"}'))
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")
        self.assertIn("too many attributes", self.daemon.text())


class Questions(Daemon):
    def test_server_without_the_second_version(self):
        self.start()
        self.polled(3)
        self.assertEqual(self.server.sequence()[:4], ["auth", "inventory", "next-v2", "next-v1-get"])
        self.assertEqual(self.asked()[:4], ["next-v2"] + ["next-v1-get"] * 3)
        get = self.server.named("next-v1-get")[0]
        self.assertEqual(sorted(get.query.split("&")), ["artifact_name=unknown", "device_type=board"])
        self.assertEqual(get.body, b"")
        self.server.authentication.forget_tokens()
        self.until(lambda: self.asked().count("next-v2") == 2, "the second version again, after the login")

    def test_server_with_the_second_version(self):
        self.server.v2 = True
        self.install(scenario.payload(None, provides={"rootfs-image.version": "ä/1"}), name="first")
        self.start()
        self.requested("next-v2", 3, status=204)
        request = self.server.named("next-v2")[0]
        self.assertEqual(request.json(), {"device_provides": {"artifact_name": "first", "device_type": "board",
                                                              "rootfs-image.version": "ä/1"}})
        self.assertEqual(set(self.asked()), {"next-v2"})

    def test_names_are_encoded_in_the_address(self):
        self.install(scenario.payload(None), name="a b&c=d/ä")
        self.start()
        self.polled()
        self.assertIn("artifact_name=a%20b%26c%3Dd%2F%C3%A4", self.server.named("next-v1-get")[0].query)

    def test_every_call_has_the_token_and_no_download(self):
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")
        for request in self.server.requests:
            if request.name() in ("auth", "download"):
                self.assertNotIn("Authorization", request.headers)
            else:
                self.assertRegex(request.headers["Authorization"], r"^Bearer \S+$")

    def test_order_of_a_deployment(self):
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")
        self.requested("inventory", 2, status=200)
        self.assertEqual(self.server.sequence()[:11], [
            "auth", "inventory", "next-v2", "next-v1-get", "status:downloading", "download", "status:installing",
            "auth", "status:installing", "status:success", "inventory"])
        self.assertEqual(self.server.named("status:success")[0].json(), {"status": "success"})

    def test_deployments_one_after_the_other(self):
        first, second = self.deploy(name="first"), self.deploy(name="second")
        self.start()
        self.ends(second, "success")
        self.assertEqual(first.status, "success")
        self.assert_name("second")

    def test_same_artifact_again_when_forced(self):
        self.ends_after_start(self.deploy(name="first"))
        self.ends(self.deploy(name="first", deployment={"force": True}), "success")
        self.assertEqual(self.calls().count("ArtifactInstall"), 2)

    def ends_after_start(self, deployment):
        self.start()
        self.ends(deployment, "success")


class Seldom(Daemon):
    """Hours between the intervals: what happens was asked for."""

    settings = SELDOM

    def setUp(self):
        super().setUp()
        self.start()
        self.polled()
        self.requested("inventory", status=200)

    def test_signals(self):
        self.daemon.send(signal.SIGUSR1)
        self.polled()
        self.inventory_script("mender-inventory-kernel", "echo kernel=6.2")
        self.daemon.send(signal.SIGUSR2)
        self.until(lambda: self.server.inventory().get("kernel") == "6.2", "the inventory")

    def test_commands(self):
        for name in NAMES:
            with self.subTest(name):
                count = len(self.server.named("next-v1-get"))
                self.said("look for a deployment", self.client("check-update", name=name), name)
                self.requested("next-v1-get", count + 1)
                self.inventory_script("mender-inventory-kernel", "echo kernel=" + name)
                self.said("report the inventory", self.client("send-inventory", name=name), name)
                self.until(lambda: self.server.inventory().get("kernel") == name, "the inventory")

    def said(self, what, result, name):
        """A line for people; Mender's client says nothing."""
        line = "Asked the daemon, process %d, to %s.\n" % (self.daemon.process.pid, what)
        self.assertEqual((result.stdout, result.stderr), ("", line if name == NAMES[0] else ""))

    def test_deployment_on_request(self):
        deployment = self.deploy()
        self.client("check-update")
        self.ends(deployment, "success")
        self.until(lambda: self.server.inventory().get("artifact_name") == "new", "the inventory, after a deployment at once")

    def test_many_questions_leave_nothing_behind(self):
        """As good as some weeks of them."""
        pid = self.daemon.process.pid
        before = self.open_files(pid)
        for _ in range(60):
            count = len(self.server.named("next-v1-get"))
            self.daemon.send(signal.SIGUSR1)
            self.requested("next-v1-get", count + 1)
        self.until(lambda: self.open_files(pid) <= before, "as few open files as before")

    def open_files(self, pid):
        return len(os.listdir("/proc/%d/fd" % pid))

    def test_several_signals_do_no_harm(self):
        deployment = self.deploy()
        self.device.probe(named_probe='kill -USR1 %d; kill -USR2 %d' % ((self.daemon.process.pid,) * 2))
        self.daemon.send(signal.SIGUSR1)
        self.ends(deployment, "success")


class Upgraded(Daemon):
    """Another program takes the place of the daemon's, as its package has it."""

    settings = SELDOM

    def setUp(self):
        super().setUp()
        self.upgradable = self.device.path("bin/patchbay")
        self.replace()
        self.daemon.command = [self.upgradable, *self.command()[1:]]

    def replace(self):
        os.makedirs(os.path.dirname(self.upgradable), exist_ok=True)
        os.rename(shutil.copy(shutil.which(self.command()[0]), self.device.path("new-program")), self.upgradable)

    def runs_what_is_there(self):
        return os.path.samefile("/proc/%d/exe" % self.daemon.process.pid, self.upgradable)

    def test_goes_on_as_the_new_one(self):
        for name in NAMES:
            with self.subTest(name):
                self.setUp()
                if name != NAMES[0]:
                    self.daemon.command[0] = self.device.path("bin/" + name)
                    os.symlink(self.upgradable, self.daemon.command[0])
                self.start()
                self.polled()
                self.replace()
                self.assertFalse(self.runs_what_is_there())
                self.client("check-update")
                self.until(self.runs_what_is_there, "the new program")
                self.requested("next", 2, status=204)
                with open("/proc/%d/cmdline" % self.daemon.process.pid) as file:
                    self.assertEqual(file.read().split("\0")[:-1], self.daemon.command)

    def test_ends_a_deployment_first(self):
        self.blocking()
        deployment = self.deploy()
        self.start()
        self.until(lambda: "ArtifactInstall" in self.calls(), "ArtifactInstall")
        self.replace()
        self.client("check-update")
        self.assertFalse(self.runs_what_is_there())
        self.go()
        self.ends(deployment, "success")
        self.until(self.runs_what_is_there, "the new program")
        self.assertEqual(self.states().count("ArtifactInstall"), 1)

    def test_stays_what_it_is_where_nobody_could_give_it_the_pass_phrase(self):
        self.daemon.command = [self.device.path("bin/mender"), "--passphrase-file", "-", *self.daemon.command[1:]]
        os.symlink(self.upgradable, self.daemon.command[0])
        self.start()
        self.polled()
        self.replace()
        self.client("check-update")
        self.requested("next", 2, status=204)
        self.assertFalse(self.runs_what_is_there())

    def test_a_deployment_of_one_that_does_not_work_is_undone(self):
        for brings, said in (("#!/bin/sh\necho no library >&2; exit 127\n", "no library"),
                             ("nonsense\n", "bin/patchbay")):
            with self.subTest(said):
                self.setUp()
                self.device.write("brought", brings, 0o755)
                self.device.probe(named_probe='case $1 in ArtifactInstall) mv {0} {0}.old; cp {1} {0};; '
                                              'ArtifactRollback) mv {0}.old {0};; esac'
                                  .format(self.upgradable, self.device.path("brought")))
                deployment = self.deploy()
                self.start()
                self.ends(deployment, "failure")
                self.assertIn("leaves a client that does not work", self.daemon.text())
                self.assertIn(said, self.daemon.text())
                self.assertIn("ArtifactRollback", self.calls())
                self.assertTrue(self.daemon.runs() and self.runs_what_is_there())
                self.daemon.stop()

    def test_who_asks_while_it_becomes_the_new_one_does_not_end_it(self):
        real = shutil.which(self.command()[0])
        new = self.device.write("new", "#!/bin/sh\nkill -USR1 $$; kill -USR2 $$; exec %s \"$@\"\n" % real, 0o755)
        self.start()
        self.polled()
        os.rename(new, self.upgradable)
        self.client("check-update")
        self.requested("next", 2, status=204)
        self.assertTrue(os.path.samefile("/proc/%d/exe" % self.daemon.process.pid, real))
        self.client("check-update")
        self.requested("next", 3, status=204)

    def test_stays_where_its_program_is_only_gone(self):
        self.start()
        self.polled()
        os.unlink(self.upgradable)
        self.client("check-update")
        self.requested("next", 2, status=204)

    def test_starts_where_its_program_is_just_gone(self):
        """A package manager takes it away before it puts another one there."""
        self.daemon.start(("bash", "-c", 'exec 3< "$0" && rm "$0" && exec -a "$0" /proc/self/fd/3 "$@"'))
        self.polled()
        self.assertFalse(os.path.exists(self.upgradable))
        self.client("check-update")
        self.requested("next", 2, status=204)
        self.replace()
        self.client("check-update")
        self.until(self.runs_what_is_there, "the new program")
        self.requested("next", 3, status=204)


class NobodyThere(Daemon):
    def test_commands_say_that_no_daemon_runs(self):
        for command in ("check-update", "send-inventory"):
            for name in NAMES:
                self.assertIn("daemon", self.client(command, code=1, name=name).stderr)

    def test_nor_after_it_was_killed(self):
        self.start()
        self.polled()
        self.daemon.kill()
        self.assertIn("daemon", self.client("check-update", code=1).stderr)


class StateScripts(Daemon):
    """Idle and Sync; the others belong to updates."""

    GROUPS = ("Idle_Enter", "Idle_Leave", "Sync_Enter", "Sync_Leave", "Sync_Error", "Download_Enter")
    LETTERS = {"I>": "Idle_Enter", "I<": "Idle_Leave", "S>": "Sync_Enter", "S<": "Sync_Leave", "S!": "Sync_Error"}

    settings = {**SELDOM, "UpdatePollIntervalSeconds": 2}

    def spelled(self, sequence):
        return [self.LETTERS[letter] for letter in sequence.split()]

    def until_download(self, fail=()):
        self.device.probe(fail_once=" ".join(self.LETTERS[letter] for letter in fail))
        self.device.device_scripts(self.GROUPS)
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")
        calls = self.calls()
        return calls[:calls.index("Download_Enter")]

    def test_order(self):
        for fail, sequence in (((), "I> I< S> S< I> I< S> S<"),
                               (("I<",), "I> I< S> S< I> I< S> S<"),
                               (("I>",), "I> I< S> S< I> I< S> S<"),
                               (("S>",), "I> I< S> S! I> I< S> S<"),
                               (("S<",), "I> I< S> S< S! I> I< S> S<")):
            with self.subTest(fail=fail):
                self.daemon.kill()
                self.setUp()
                self.assertEqual(self.until_download(fail), self.spelled(sequence))

    def test_question_that_fails_is_an_error_of_sync(self):
        self.server.fault("next", device_server.answer(500), times=1)
        self.assertEqual(self.until_download(), self.spelled("I> I< S> S< I> I< S> S! I> I< S> S<"))

    def test_leaving_sync_fails_before_a_deployment(self):
        """It is offered again, and nothing is reported of the first time."""
        self.device.device_scripts(("Sync_Leave",))
        self.inventory_script("mender-inventory-spend", 'mkdir -p "%s"' % self.device.path("spent/x"))
        self.device.write("etc/scripts/Sync_Leave_00", '#!/bin/sh\n[ -e "%s" ] && mkdir "%s" || exit 0; exit 1\n' % (
            self.device.path("asked"), self.device.path("spent/leave")), 0o755)
        self.device.write("etc/scripts/Sync_Enter_00", '#!/bin/sh\n[ -e "%s" ] || { mkdir "%s"; exit 0; }; touch "%s"\n' % (
            self.device.path("spent/inventory"), self.device.path("spent/inventory"), self.device.path("asked")), 0o755)
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")
        self.assertGreaterEqual(len(self.server.named("next", 200)), 2)
        self.assertEqual(deployment.reports.count("downloading"), 1)


if __name__ == "__main__":
    main()
