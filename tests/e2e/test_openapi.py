"""A description is imported, and what it proposes is served and called."""

import json
import pathlib
import subprocess
import tempfile

from downstream import Downstream, answers
from harness import E2eTest, ONETAKE, Onetaked

DESCRIPTION = """
openapi: 3.0.3
info: { title: Sms, version: "1" }
security: [{ basic: [] }]
components:
  securitySchemes: { basic: { type: http, scheme: basic } }
  parameters:
    Sid: { name: sid, in: path, required: true, schema: { type: string } }
paths:
  /messages:
    get:
      operationId: list_messages
      summary: Lists messages.
      parameters:
        - { name: to, in: query, schema: { type: array, items: { type: string } } }
        - { name: X-Page, in: header, schema: { type: integer } }
    post:
      operationId: send_message
      summary: Sends a message.
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema:
              type: object
              required: [To, Body]
              properties:
                To: { type: string }
                Body: { type: string }
                MediaUrl: { type: array, items: { type: string } }
                IdempotencyKey: { type: string, description: Keys expire after 24 hours. }
    options: { operationId: nothing }
  /messages/{sid}:
    parameters: [{ $ref: "#/components/parameters/Sid" }]
    delete: { operationId: delete_message, summary: Deletes a message. }
"""


class OpenApiTest(E2eTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "sms.yaml").write_text(DESCRIPTION)
        self.out = self.folder / "tools.d"

    def run_import(self, *arguments, code=0):
        result = subprocess.run([ONETAKE, "tools", "import", "openapi", *arguments],
                                capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout + result.stderr

    def import_sms(self, *more, code=0):
        return self.run_import(str(self.folder / "sms.yaml"), "--out", str(self.out), *more,
                               code=code)

    def test_says_what_it_proposes_and_overwrites_nothing(self):
        self.assertIn("3 tools", self.import_sms("--dry-run"))
        self.assertFalse(self.out.exists())
        told = self.import_sms()
        self.assertRegex(told, r"delete_message +DELETE /messages/\{sid\} +WRITE/NATURAL")
        self.assertRegex(told, r"send_message +POST /messages +WRITE/KEYED")
        self.assertRegex(told, r"OPTIONS /messages +OPTIONS is no method of tools")
        self.assertIn("1 READ, 1 WRITE/KEYED, 1 WRITE/NATURAL", told)
        (self.out / "send_message.yaml").write_text("mine")
        again = json.loads(self.import_sms("--json", code=3))
        self.assertEqual(again["written"], 0)
        self.assertEqual(len(again["kept"]), 3)
        self.assertEqual((self.out / "send_message.yaml").read_text(), "mine")
        self.import_sms("--force", "--only", "send")
        self.assertNotEqual((self.out / "send_message.yaml").read_text(), "mine")

    def test_exit_codes(self):
        self.run_import(str(self.folder / "none.yaml"), code=7)
        (self.folder / "other.yaml").write_text("a: 1\n")
        self.assertIn("openapi: must be", self.run_import(str(self.folder / "other.yaml"), code=1))
        self.import_sms("--only", "nothing of this name", code=3)
        self.run_import(code=1)

    def test_what_is_proposed_is_served(self):
        self.import_sms()
        downstream = self.enter_context(Downstream(answers(200, {"sid": "SM1"})))
        server = self.enter_context(Onetaked(
            downstream.url, tool_folders=[self.out],
            env={"SMS_BASE_URL": downstream.url, "SMS_BASIC": "dXNlcjpwdw=="}))
        api = server.api()

        listed = api.execute("list_messages", '{"to": ["+1", "+2"], "X-Page": 3}', session_id="s")
        self.assertEqual(api.disposition(listed), "DONE", listed)
        request = downstream.requests[-1]
        self.assertEqual(request.path, "/messages?to=%2B1&to=%2B2")
        self.assertEqual(request.headers["x-page"], "3")
        self.assertEqual(request.headers["authorization"], "Basic dXNlcjpwdw==")

        sent = api.execute("send_message", '{"To": "+1 5", "Body": "a&b", "MediaUrl": ["u", "v"]}',
                           session_id="s")
        self.assertEqual(api.disposition(sent), "DONE", sent)
        request = downstream.requests[-1]
        self.assertEqual(request.headers["content-type"], "application/x-www-form-urlencoded")
        self.assertEqual(
            request.body.decode(),
            f"Body=a%26b&IdempotencyKey={sent.intent.key}&MediaUrl=u&MediaUrl=v&To=%2B1+5")

    def test_a_delete_that_finds_nothing_after_a_lost_answer_is_done(self):
        self.import_sms()
        gone = []

        def behave(request, connection):
            if request.path in gone:
                return connection.reply(404, {"error": "no such message"})
            gone.append(request.path)
            return connection.reset()  # it took effect, and nobody hears of it

        downstream = self.enter_context(Downstream(behave))
        server = self.enter_context(Onetaked(
            downstream.url, tool_folders=[self.out],
            env={"SMS_BASE_URL": downstream.url, "SMS_BASIC": "x"}))
        api = server.api()
        deleted = api.execute("delete_message", '{"sid": "SM1"}', session_id="s")
        self.assertEqual(api.disposition(deleted), "DONE", deleted)
        self.assertEqual([r.method for r in downstream.requests], ["DELETE", "DELETE"])
        ledger = api.get_intent(deleted.intent.id)
        self.assertEqual(ledger.generations[-1].summary.reason, "table.already_gone")
        # In another conversation nothing of ours was lost: the same 404 is a plain "no".
        other = api.execute("delete_message", '{"sid": "SM1"}', session_id="t")
        self.assertEqual(api.disposition(other), "REJECTED", other)
