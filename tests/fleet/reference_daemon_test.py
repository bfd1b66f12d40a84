#!/usr/bin/env python3
"""The server of these tests under the client it was made after: Debian's `mender daemon` 3.4.0. What that
one does with it says whether the server is right."""
import both_clients
import fleet
from fleet import main


class Reference(fleet.ReferenceDaemon, fleet.FleetScenario):
    pass


class Acceptance(both_clients.Acceptance, Reference):
    pass


class Deployments(both_clients.Deployments, Reference):
    def test_questions_are_tried_one_after_the_other(self):
        self.server.v1_post = False
        self.start()
        self.requested("next-v1-get", status=204)
        asked = [name for name in self.server.sequence() if name.startswith("next")]
        self.assertEqual(asked[:3], ["next-v2", "next-v1-post", "next-v1-get"])


class Trouble(both_clients.Trouble, Reference):
    pass


class Waiting(both_clients.Downloads, Reference):
    pass


if __name__ == "__main__":
    main()
