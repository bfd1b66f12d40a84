#!/usr/bin/env python3
"""Installs from http and https, with everything a network does, and from standard input."""
import http.server
import os
import re
import ssl
import subprocess
import threading
import unittest

import device as devices
import scenario
from scenario import payload


class Server:
    """An HTTP server on a free port. `pages` maps a path to a function of the request handler."""

    def __init__(self, certificate=None):
        outer = self
        self.pages, self.requests = {}, []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.requests.append((self.path, dict(self.headers)))
                outer.pages.get(self.path, not_found)(self)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.handle_error = lambda *_: None  # clients that leave early are part of the tests
        self.http.daemon_threads = True
        self.scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
            self.scheme = "https"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,))
        self.thread.start()

    def url(self, path):
        return "%s://127.0.0.1:%d%s" % (self.scheme, self.http.server_address[1], path)

    def close(self):
        if self.thread.is_alive():
            self.http.shutdown()
            self.thread.join()
        self.http.server_close()


def answer(status, body=b"", **headers):
    def page(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
    return page


not_found = answer(404, b"there is no such artifact\n", Content_Type="text/plain")


def redirect(target):
    return answer(302, b"elsewhere\n", Location=target)


class Content:
    """A page that knows Range and If-Range, and breaks off after `breaks` bytes of each answer."""

    def __init__(self, body, etag='"one"', breaks=(), ranges=True):
        self.body, self.etag, self.breaks, self.ranges = body, etag, list(breaks), ranges

    def __call__(self, handler):
        begin = 0
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        same = handler.headers.get("If-Range", self.etag) == self.etag
        if asked and self.ranges and same:
            begin = int(asked[1])
            handler.send_response(206)
            handler.send_header("Content-Range", "bytes %d-%d/%d" % (begin, len(self.body) - 1, len(self.body)))
        else:
            handler.send_response(200)
        rest = self.body[begin:]
        handler.send_header("ETag", self.etag)
        handler.send_header("Content-Length", str(len(rest)))
        handler.end_headers()
        if self.breaks:
            rest = rest[:self.breaks.pop(0)]
            handler.close_connection = True
        for at in range(0, len(rest), 65536):
            self.sent += handler.wfile.write(rest[at:at + 65536])
        if self.after:
            self.after()

    after = None
    sent = 0


class Url(scenario.Scenario):
    def setUp(self):
        super().setUp()
        self.device.configure(RetryDownloadCount=3, Patchbay={
            "ModuleDirectories": [self.device.module_dir], "RetryDownloadIntervalSeconds": 1})
        self.module("probe", 'case $1 in SupportsRollback) echo Yes;; ArtifactInstall) cp files/big "%s";; esac\n'
                             'echo $1 >> "%s"\n' % (self.device.path("got"), self.device.log))
        self.server = self.serve()
        self.big = os.urandom(400000)
        with open(self.device.artifact([payload("probe", [("big", self.big)])]), "rb") as file:
            self.body = file.read()

    def serve(self, **more):
        server = Server(**more)
        self.addCleanup(server.close)
        return server

    def assert_installed(self):
        with open(self.device.path("got"), "rb") as file:
            self.assertEqual(file.read(), self.big)
        self.assertEqual(self.device.status()["pending"]["artifact_name"], "new")

    def fetch(self, path, code=0, server=None, **more):
        return self.client("install", (server or self.server).url(path), code=code, **more)

    def assert_nothing_installed(self):
        self.assertNotIn("ArtifactInstall", self.calls())
        self.assert_name("unknown")
        self.assertEqual(self.device.leftovers(), [])


class Plain(Url):
    def test_artifact(self):
        self.server.pages["/a.mender"] = Content(self.body)
        self.fetch("/a.mender")
        self.assert_installed()
        self.assertEqual(len(self.server.requests), 1)

    def test_same_under_the_other_name(self):
        self.server.pages["/a.mender"] = Content(self.body)
        result = self.fetch("/a.mender", name="mender-update")
        self.assertIn("Installing artifact...", result.stdout)
        self.assert_installed()

    def test_length_unknown(self):
        def page(handler):
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(self.body)
            handler.close_connection = True
        self.server.pages["/a.mender"] = page
        self.fetch("/a.mender")
        self.assert_installed()

    def test_missing_page_is_told_with_status_and_words(self):
        result = self.fetch("/none.mender", code=5)
        self.assert_untouched(result, ("404", "there is no such artifact", "none.mender"))

    def test_secrets_in_the_url_are_not_shown(self):
        result = self.fetch("/none.mender?token=hidden-word", code=5)
        self.assertNotIn("hidden-word", result.stderr)

    def test_error_of_the_server(self):
        self.server.pages["/a.mender"] = answer(500, b"<html>broken</html>", Content_Type="text/html")
        self.assert_untouched(self.fetch("/a.mender", code=5), "500")

    def test_page_for_people_is_no_artifact(self):
        self.server.pages["/a.mender"] = answer(200, b"<!DOCTYPE html>\n<html><body>Log in</body></html>" * 40,
                                                Content_Type="text/html")
        result = self.fetch("/a.mender", code=5)
        self.assert_untouched(result, "artifact")
        self.assertRegex(result.stderr, "(?i)html")

    def test_nobody_listens(self):
        self.server.close()
        self.assert_untouched(self.fetch("/a.mender", code=5), "127.0.0.1")

    def test_other_schemes(self):
        for url in ("ftp://127.0.0.1/a.mender", "file:///a.mender"):
            self.assert_untouched(self.client("install", url, code=5), "only http and https")

    def test_truncated_for_good(self):
        self.server.pages["/a.mender"] = answer(200, self.body[:200000])
        result = self.fetch("/a.mender", code=1)
        self.assertIn("truncated", result.stderr)
        self.assert_nothing_installed()


class Broken(Url):
    def test_connection_is_taken_up_where_it_broke(self):
        self.server.pages["/a.mender"] = Content(self.body, breaks=[150000, 100000])
        result = self.fetch("/a.mender")
        self.assert_installed()
        self.assertIn("resuming", result.stderr)
        self.assertEqual(len(self.server.requests), 3)
        for _, headers in self.server.requests[1:]:
            self.assertRegex(headers["Range"], r"^bytes=\d+-")
            self.assertEqual(headers["If-Range"], '"one"')
        second, third = (int(re.findall(r"\d+", headers["Range"])[0]) for _, headers in self.server.requests[1:])
        self.assertLessEqual(second, 150000)
        self.assertGreater(third, second)

    def test_it_is_given_up_after_the_configured_number(self):
        self.server.pages["/a.mender"] = Content(self.body, breaks=[1000] * 10)
        result = self.fetch("/a.mender", code=5)
        self.assertIn("gave up after 3", result.stderr)
        self.assertEqual(len(self.server.requests), 4)
        self.assert_nothing_installed()

    def test_content_that_changed_meanwhile_is_refused(self):
        page = Content(self.body, breaks=[150000])
        other = bytearray(self.body)
        other[200000] ^= 1

        def change():
            page.body, page.etag, page.after = bytes(other), '"two"', None
        page.after = change
        self.server.pages["/a.mender"] = page
        result = self.fetch("/a.mender", code=1)
        self.assertIn("changed on the server", result.stderr)
        self.assert_nothing_installed()

    def test_server_without_ranges_is_named(self):
        self.server.pages["/a.mender"] = Content(self.body, breaks=[150000], ranges=False)
        result = self.fetch("/a.mender", code=1)
        self.assertIn("cannot resume", result.stderr)
        self.assert_nothing_installed()

    def test_module_notices_nothing(self):
        self.device = self.new_device(stream="yes", sizes="Yes")
        self.device.configure(Patchbay={"ModuleDirectories": [self.device.module_dir], "RetryDownloadIntervalSeconds": 1})
        self.server.pages["/a.mender"] = Content(self.body, breaks=[150000])
        self.device.write("modules/probe", self.device._fill(devices.MODULE).replace(
            'act "$1"\nexit 0', 'case $1 in ArtifactInstall) cp tmp/big "%s";; esac\nact "$1"\nexit 0' % self.device.path("got")), 0o755)
        self.fetch("/a.mender")
        self.assert_installed()


class Skipped(Url):
    """A payload that the device has, and one behind it that it does not have."""

    def setUp(self):
        super().setUp()
        self.module("there", 'case $1 in SupportsRollback) echo Yes;; Download) echo skip >&"$PATCHBAY_PROGRESS_FD";; esac\n')
        image = os.urandom(40000000)  # more than the sockets of both sides hold
        with open(self.device.artifact([payload("there", [("image", image)]),
                                        payload("probe", [("big", self.big)])]), "rb") as file:
            self.body = file.read()

    def test_it_is_not_transferred(self):
        page = self.server.pages["/a.mender"] = Content(self.body)
        result = self.fetch("/a.mender")
        self.assert_installed()
        self.assertEqual(len(self.server.requests), 2)
        self.assertLess(page.sent, 20000000)
        self.assertNotIn("resuming", result.stderr)

    def test_server_without_ranges_sends_it(self):
        self.server.pages["/a.mender"] = Content(self.body, ranges=False)
        self.fetch("/a.mender")
        self.assert_installed()

    def test_break_behind_it_is_resumed(self):
        self.server.pages["/a.mender"] = Content(self.body, breaks=[len(self.body), 1000])
        result = self.fetch("/a.mender")
        self.assert_installed()
        self.assertEqual(len(self.server.requests), 3)
        self.assertIn("resuming", result.stderr)

    def test_content_that_changed_meanwhile_is_refused(self):
        page = Content(self.body)

        def answer_and_change(handler):
            page.etag = '"two"' if "Range" in handler.headers else '"one"'
            page(handler)
        self.server.pages["/a.mender"] = answer_and_change
        result = self.fetch("/a.mender", code=1)
        self.assertIn("changed on the server", result.stderr)
        self.assert_nothing_installed()


class Redirect(Url):
    def certificate(self):
        key, certificate = self.device.path("tls.key"), self.device.path("tls.pem")
        scenario.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
        return certificate, key

    def secure(self, trusted=True):
        certificate, key = self.certificate()
        if trusted:
            self.device.configure(ServerCertificate=certificate)
        server = self.serve(certificate=(certificate, key))
        server.pages["/a.mender"] = Content(self.body)
        return server

    def test_http_to_http_is_followed(self):
        other = self.serve()
        other.pages["/real.mender"] = Content(self.body)
        self.server.pages["/a.mender"] = redirect("/b.mender")
        self.server.pages["/b.mender"] = redirect(other.url("/real.mender"))
        self.fetch("/a.mender")
        self.assert_installed()

    def test_http_to_https_is_followed(self):
        secure = self.secure()
        self.server.pages["/a.mender"] = redirect(secure.url("/a.mender"))
        self.fetch("/a.mender")
        self.assert_installed()

    def test_https_to_http_is_refused(self):
        secure = self.secure()
        self.server.pages["/b.mender"] = Content(self.body)
        secure.pages["/a.mender"] = redirect(self.server.url("/b.mender"))
        self.assert_untouched(self.fetch("/a.mender", server=secure, code=5), "redirect from https")
        self.assertEqual(self.server.requests, [])

    def test_to_another_scheme_is_refused(self):
        self.server.pages["/a.mender"] = redirect("file:///etc/hostname")
        self.assert_untouched(self.fetch("/a.mender", code=5), "redirect")

    def test_circle_ends(self):
        self.server.pages["/a.mender"] = redirect("/a.mender")
        self.assert_untouched(self.fetch("/a.mender", code=5), "redirects")
        self.assertLess(len(self.server.requests), 30)

    def test_https_with_a_trusted_certificate(self):
        self.fetch("/a.mender", server=self.secure())
        self.assert_installed()

    def test_https_with_an_unknown_certificate_is_refused(self):
        secure = self.secure(trusted=False)
        self.assert_untouched(self.fetch("/a.mender", server=secure, code=5), "certificate")
        self.assertEqual(secure.requests, [])

    def test_trusted_by_option_and_unchecked_by_option(self):
        secure = self.secure(trusted=False)
        self.client("install", secure.url("/a.mender"), "--trusted-certs", self.device.path("tls.pem"))
        self.client("rollback")
        result = self.client("install", secure.url("/a.mender"), "--skipverify")
        self.assertIn("not checked", result.stderr)


class Proxy(Url):
    """A proxy gets the whole URL in the request line; the host does not exist, so nobody else can answer."""

    URL = "http://artifacts.invalid/a.mender"

    def setUp(self):
        super().setUp()
        self.server.pages[self.URL] = Content(self.body)
        self.server.pages["/a.mender"] = Content(self.body)
        self.proxy = self.server.url("")

    def test_is_used_in_either_spelling_and_in_both(self):
        for variables in (["http_proxy"], ["HTTP_PROXY"], ["http_proxy", "HTTP_PROXY"]):
            with self.subTest(variables):
                self.device.env.update({name: self.proxy for name in variables})
                self.client("install", self.URL)
                self.assert_installed()
                self.client("rollback")
                self.assertEqual(self.server.requests[-1][0], self.URL)
                for name in variables:
                    del self.device.env[name]

    def test_exceptions_are_separated_by_commas_or_blanks(self):
        for exceptions in ("a.example,127.0.0.1", "a.example 127.0.0.1", "a.example, 127.0.0.1", "127.0.0.1", "*"):
            for variables in (["no_proxy"], ["NO_PROXY"], ["no_proxy", "NO_PROXY"]):
                with self.subTest(exceptions=exceptions, variables=variables):
                    self.device.env["http_proxy"] = "http://127.0.0.1:1"  # nobody listens there
                    self.device.env.update({name: exceptions for name in variables})
                    self.fetch("/a.mender")
                    self.client("rollback")
                    for name in variables:
                        del self.device.env[name]

    def test_without_an_exception_the_proxy_counts(self):
        self.device.env["http_proxy"] = "http://127.0.0.1:1"
        self.assert_untouched(self.fetch("/a.mender", code=5))


class StandardInput(Url):
    def pipe(self, content, code=0, name="patchbay"):
        result = subprocess.run(self.device.command("install", "-", name=name), input=content, env=self.device.env,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(result.returncode, code, result.stderr)
        return result

    def test_pipe(self):
        self.pipe(self.body)
        self.assert_installed()

    def test_pipe_under_the_other_name(self):
        self.pipe(self.body, name="mender-update")
        self.assert_installed()

    def test_empty_and_cut_short(self):
        self.assertIn(b"empty", self.pipe(b"", code=5).stderr)
        self.assertIn(b"truncated", self.pipe(self.body[:200000], code=1).stderr)
        self.assert_nothing_installed()

    def test_named_pipe(self):
        fifo = self.device.path("fifo")
        os.mkfifo(fifo)

        def feed():
            with open(fifo, "wb") as file:
                file.write(self.body)
        thread = threading.Thread(target=feed)
        thread.start()
        self.client("install", fifo)
        thread.join()
        self.assert_installed()


if __name__ == "__main__":
    scenario.main()
