#include "runtime/ledger/schema.h"

namespace onetake {
namespace {

// Times are integers, microseconds since 1970 in UTC. Version 1 was never released.
//
// In the conditions that every write passes, in a CHECK and in a partial index, there are chains of
// OR: for a list of more than two values after IN, SQLite builds a table of its own each time,
// which costs more than the write.
constexpr Migration kMigrations[] = {
    {2,
     R"sql(
PRAGMA application_id = 1869505908;

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('instance_id', lower(hex(randomblob(16)))), ('opened', '0');

CREATE TABLE intents (
  intent_row      INTEGER PRIMARY KEY,
  tenant          TEXT NOT NULL,
  intent_id       TEXT NOT NULL,
  generation      INTEGER NOT NULL CHECK (generation >= 1),
  key             TEXT NOT NULL,
  tool            TEXT NOT NULL,
  tool_version    TEXT NOT NULL,
  canonicaliser   INTEGER NOT NULL,
  scope           TEXT NOT NULL,
  session_id      TEXT NOT NULL,
  safety          TEXT NOT NULL,
  state           TEXT NOT NULL CHECK
      (state = 'IN_FLIGHT' OR state = 'SUCCEEDED' OR state = 'REJECTED' OR state = 'UNKNOWN' OR
       state = 'REVIEW' OR state = 'REVERSED'),
  ambiguous       INTEGER NOT NULL CHECK (ambiguous IN (0, 1)),
  attempts        INTEGER NOT NULL CHECK (attempts >= 1),
  reason          TEXT NOT NULL,
  created_at      INTEGER NOT NULL,
  first_sent_at   INTEGER NOT NULL,
  settled_at      INTEGER,
  next_attempt_at INTEGER,
  reverses_row    INTEGER, -- may be gone
  result_ref      TEXT,
  probes          INTEGER NOT NULL DEFAULT 0,
  job             TEXT NOT NULL DEFAULT '',
  subject         TEXT NOT NULL DEFAULT '',
  review_at       INTEGER,
  guarded         TEXT NOT NULL DEFAULT '',
  sealed          INTEGER NOT NULL DEFAULT 0 CHECK (sealed IN (0, 1)),
  erased_at       INTEGER,
  aged_at         INTEGER,
  last_seq        INTEGER NOT NULL DEFAULT 0,
  CHECK (review_at IS NOT NULL OR state != 'REVIEW'),
  CHECK ((settled_at IS NOT NULL) =
         (state = 'SUCCEEDED' OR state = 'REJECTED' OR state = 'REVERSED'))
) STRICT;
CREATE UNIQUE INDEX intents_generation ON intents (intent_id, tenant, generation);
CREATE INDEX intents_key ON intents (key);
CREATE INDEX intents_session ON intents (session_id);
CREATE INDEX intents_unsettled ON intents (state) WHERE settled_at IS NULL;
CREATE INDEX intents_aging ON intents (settled_at) WHERE settled_at IS NOT NULL AND aged_at IS NULL;
CREATE INDEX intents_created ON intents (tenant, created_at);
CREATE INDEX intents_tool ON intents (tenant, tool, created_at);
CREATE INDEX intents_settled ON intents (tenant, state, created_at) WHERE settled_at IS NOT NULL;
CREATE INDEX intents_reverses ON intents (reverses_row) WHERE reverses_row IS NOT NULL;
CREATE INDEX intents_review ON intents (review_at) WHERE review_at IS NOT NULL;
CREATE INDEX intents_subject ON intents (subject, intent_row) WHERE subject != '';
CREATE INDEX intents_result_ref ON intents (result_ref, tool) WHERE result_ref IS NOT NULL;

-- ANY: a sealed field is a BLOB, a plain one is TEXT.
CREATE TABLE bodies (
  intent_row     INTEGER PRIMARY KEY REFERENCES intents,
  identity       ANY NOT NULL,
  arguments      ANY NOT NULL,
  clear          TEXT NOT NULL,
  request_digest BLOB NOT NULL CHECK (length(request_digest) = 32)
) STRICT;

-- Apart from the rest, as it may have to go earlier: it holds every argument.
CREATE TABLE requests (
  intent_row INTEGER PRIMARY KEY REFERENCES bodies,
  request    ANY NOT NULL,
  hides      INTEGER NOT NULL CHECK (hides IN (0, 1))
) STRICT;

CREATE TABLE results (
  intent_row INTEGER PRIMARY KEY REFERENCES intents,
  result     ANY NOT NULL
) STRICT;

CREATE TABLE seal_keys (
  key_id     INTEGER PRIMARY KEY,
  tenant     TEXT NOT NULL,
  master     TEXT NOT NULL,
  wrapped    BLOB NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX seal_keys_tenant ON seal_keys (tenant);

CREATE TABLE intent_keys (
  intent_row INTEGER PRIMARY KEY REFERENCES intents,
  key_id     INTEGER NOT NULL REFERENCES seal_keys,
  wrapped    BLOB NOT NULL
) STRICT;

CREATE TABLE attempts (
  intent_row  INTEGER NOT NULL REFERENCES intents,
  number      INTEGER NOT NULL CHECK (number >= 1),
  started_at  INTEGER NOT NULL,
  ended_at    INTEGER,
  reached     TEXT NOT NULL DEFAULT '',
  failure     TEXT NOT NULL DEFAULT '',
  http_status INTEGER NOT NULL DEFAULT 0,
  error       ANY NOT NULL DEFAULT '',
  latency_us  INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (intent_row, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE calls (
  call_row     INTEGER PRIMARY KEY,
  call_id      TEXT NOT NULL UNIQUE,
  tenant       TEXT NOT NULL,
  session_id   TEXT NOT NULL,
  tool_call_id TEXT NOT NULL,
  delivery     INTEGER NOT NULL CHECK (delivery >= 1),
  turn_id      TEXT NOT NULL,
  tool         TEXT NOT NULL,
  credential   TEXT NOT NULL,
  trace_id     TEXT NOT NULL,
  fingerprint  TEXT NOT NULL,
  role         TEXT NOT NULL CHECK
      (role = 'opened' OR role = 'joined' OR role = 'replayed' OR role = 'redelivered' OR
       role = 'conflict' OR role = 'held' OR role = 'unconfirmed' OR role = 'withdrawn' OR
       role = 'read' OR role = 'invalid'),
  intent_row   INTEGER, -- may be gone
  disposition  TEXT NOT NULL,
  detail       TEXT NOT NULL,
  received_at  INTEGER NOT NULL,
  answered_at  INTEGER,
  last_seq     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX calls_delivery ON calls (tool_call_id, session_id, tenant, delivery)
    WHERE tool_call_id != '' AND session_id != '';
CREATE INDEX calls_without_session ON calls (tool_call_id)
    WHERE tool_call_id != '' AND session_id = '';
CREATE INDEX calls_intent ON calls (intent_row, role) WHERE intent_row IS NOT NULL;
CREATE INDEX calls_session ON calls (session_id) WHERE session_id != '';
CREATE INDEX calls_received ON calls (tenant, received_at);
-- Few calls are in these: what was not simply done.
CREATE INDEX calls_held_back ON calls (tenant, intent_row) WHERE intent_row IS NOT NULL AND
      (role = 'joined' OR role = 'replayed' OR role = 'redelivered' OR role = 'conflict' OR
       role = 'held');
CREATE INDEX calls_held_back_at ON calls (tenant, received_at) WHERE intent_row IS NOT NULL AND
      (role = 'joined' OR role = 'replayed' OR role = 'redelivered' OR role = 'conflict' OR
       role = 'held');
CREATE INDEX calls_replayed ON calls (tenant, intent_row) WHERE intent_row IS NOT NULL AND
      (role = 'joined' OR role = 'replayed' OR role = 'redelivered');
CREATE INDEX calls_drift ON calls (tenant, intent_row) WHERE intent_row IS NOT NULL
    AND role = 'conflict';
CREATE INDEX calls_disposition ON calls (tenant, disposition, intent_row)
    WHERE intent_row IS NOT NULL AND disposition != '' AND disposition != 'DONE';

CREATE TABLE attributes (
  call_row  INTEGER NOT NULL REFERENCES calls,
  name      TEXT NOT NULL,
  value_mac TEXT NOT NULL,
  PRIMARY KEY (call_row, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX attributes_value ON attributes (name, value_mac, call_row);

CREATE TABLE events (
  seq        INTEGER PRIMARY KEY,
  at         INTEGER NOT NULL,
  tenant     TEXT NOT NULL,
  intent_row INTEGER,
  call_row   INTEGER,
  intent_id  TEXT NOT NULL,
  generation INTEGER NOT NULL,
  tool       TEXT NOT NULL,
  session_id TEXT NOT NULL,
  kind       TEXT NOT NULL,
  from_state TEXT NOT NULL,
  to_state   TEXT NOT NULL,
  rule       TEXT NOT NULL,
  actor      TEXT NOT NULL,
  evidence   ANY NOT NULL,
  digests    BLOB NOT NULL,
  hash       BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX events_intent ON events (intent_row) WHERE intent_row IS NOT NULL;
CREATE INDEX events_at ON events (tenant, at);

CREATE TABLE latencies (
  tool       TEXT NOT NULL,
  downstream TEXT NOT NULL,
  version    TEXT NOT NULL,
  samples    INTEGER NOT NULL,
  censored   INTEGER NOT NULL,
  p50_us     INTEGER NOT NULL,
  p95_us     INTEGER NOT NULL,
  p99_us     INTEGER NOT NULL,
  p999_us    INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  histogram  TEXT NOT NULL,
  PRIMARY KEY (tool, downstream)
) STRICT, WITHOUT ROWID;

-- INSERT OR REPLACE deletes without firing a delete trigger; the order of seq stops that too.
CREATE TRIGGER events_in_order BEFORE INSERT ON events
WHEN NEW.seq != coalesce((SELECT max(seq) FROM events), 0) + 1
BEGIN SELECT RAISE(ABORT, 'events are appended in order, without gaps'); END;
CREATE TRIGGER events_kept BEFORE DELETE ON events
WHEN OLD.seq > coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'pruned_seq'), 0)
BEGIN SELECT RAISE(ABORT, 'events are deleted from the beginning of the chain only'); END;
CREATE TRIGGER events_unchanged BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER bodies_unchanged BEFORE UPDATE ON bodies
BEGIN SELECT RAISE(ABORT, 'what was claimed is never changed'); END;
CREATE TRIGGER requests_unchanged BEFORE UPDATE ON requests
BEGIN SELECT RAISE(ABORT, 'what is sent again is what was sent before'); END;
CREATE TRIGGER results_unchanged BEFORE UPDATE ON results
BEGIN SELECT RAISE(ABORT, 'a recorded result is never changed'); END;
CREATE TRIGGER settled_unchanged BEFORE UPDATE OF state ON intents
WHEN OLD.settled_at IS NOT NULL AND NOT (OLD.state = 'SUCCEEDED' AND NEW.state = 'REVERSED')
  AND NOT (OLD.review_at IS NOT NULL AND NEW.review_at IS NULL) -- a person corrects it
BEGIN SELECT RAISE(ABORT, 'a settled intent is never settled again'); END;
CREATE TRIGGER unsettled_kept BEFORE DELETE ON intents WHEN OLD.settled_at IS NULL
BEGIN SELECT RAISE(ABORT, 'an intent without an outcome is never deleted'); END;

-- The views show times as ISO 8601, to the millisecond.
CREATE VIEW v_intents AS
  SELECT i.intent_row, i.tenant, i.intent_id, i.generation, i.key, i.tool, i.tool_version, i.scope,
    i.session_id, i.safety, i.state, i.ambiguous, i.attempts, i.reason, i.reverses_row,
    i.probes, i.job, i.sealed,
    (SELECT b.clear FROM bodies b WHERE b.intent_row = i.intent_row) AS clear_arguments,
    strftime('%Y-%m-%dT%H:%M:%fZ', i.erased_at / 1000000.0, 'unixepoch') AS erased_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', i.aged_at / 1000000.0, 'unixepoch') AS aged_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', i.review_at / 1000000.0, 'unixepoch') AS review_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', i.created_at / 1000000.0, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', i.first_sent_at / 1000000.0, 'unixepoch') AS first_sent_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', i.settled_at / 1000000.0, 'unixepoch') AS settled_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', i.next_attempt_at / 1000000.0, 'unixepoch') AS next_attempt_at,
    round((i.settled_at - i.first_sent_at) / 1000000.0, 3) AS seconds_to_settle,
    (SELECT count(*) FROM calls c WHERE c.intent_row = i.intent_row) AS calls,
    (SELECT count(*) FROM calls c WHERE c.intent_row = i.intent_row
      AND c.role IN ('joined', 'replayed', 'redelivered', 'conflict', 'held')) AS held_back
  FROM intents i;

CREATE VIEW v_attempts AS
  SELECT i.intent_row, i.tenant, i.intent_id, i.generation, i.key, i.tool, i.session_id, i.state,
    a.number,
    strftime('%Y-%m-%dT%H:%M:%fZ', a.started_at / 1000000.0, 'unixepoch') AS started_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', a.ended_at / 1000000.0, 'unixepoch') AS ended_at,
    a.reached, a.failure, a.http_status,
    CASE typeof(a.error) WHEN 'blob' THEN '(sealed)' ELSE a.error END AS error,
    a.latency_us / 1000.0 AS latency_ms
  FROM attempts a JOIN intents i USING (intent_row);

CREATE VIEW v_calls AS
  SELECT c.call_row,
    strftime('%Y-%m-%dT%H:%M:%fZ', c.received_at / 1000000.0, 'unixepoch') AS received_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', c.answered_at / 1000000.0, 'unixepoch') AS answered_at,
    c.tenant, c.session_id, c.turn_id, c.call_id, c.tool_call_id, c.delivery, c.tool,
    c.credential, c.trace_id, c.role, c.disposition, c.detail, c.intent_row, i.intent_id,
    i.generation, i.key, i.state, i.attempts,
    round((c.received_at - i.first_sent_at) / 1000000.0, 3) AS seconds_after_first
  FROM calls c LEFT JOIN intents i USING (intent_row);

CREATE VIEW v_events AS
  SELECT seq,
    strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000000.0, 'unixepoch') AS at,
    tenant, intent_row, call_row, intent_id, generation, tool, session_id, kind, from_state,
    to_state, rule, actor,
    CASE typeof(evidence) WHEN 'blob' THEN '(sealed)' ELSE evidence END AS evidence,
    lower(hex(hash)) AS hash
  FROM events;

CREATE VIEW v_replays AS
  SELECT * FROM v_calls WHERE role IN ('joined', 'replayed', 'redelivered');

CREATE VIEW v_latencies AS
  SELECT tool, downstream, samples, censored, p50_us / 1000.0 AS p50_ms, p95_us / 1000.0 AS p95_ms,
    p99_us / 1000.0 AS p99_ms, p999_us / 1000.0 AS p999_ms, version,
    strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at
  FROM latencies;

-- Calls that would have written again had nothing held them back.
CREATE VIEW v_duplicates_prevented AS
  SELECT v.*,
    CASE v.role
      WHEN 'joined' THEN 'the same intent was in flight: this call waited for its outcome'
      WHEN 'replayed' THEN 'the same intent had succeeded: its recorded result was returned'
      WHEN 'redelivered' THEN
        'the same tool_call_id had been delivered before: its recorded answer was returned'
      WHEN 'conflict' THEN 'the same intent with other details: refused'
      WHEN 'held' THEN 'the outcome of the same intent is not known: nothing was sent'
    END AS why,
    (SELECT o.call_id FROM calls o WHERE o.intent_row = v.intent_row AND o.role = 'opened'
      ORDER BY o.call_row LIMIT 1) AS opened_by
  FROM v_calls v
  WHERE v.intent_row IS NOT NULL
    AND v.role IN ('joined', 'replayed', 'redelivered', 'conflict', 'held');

PRAGMA user_version = 2;
)sql"},
    // Removes what every write paid for. A trigger makes SQLite keep a copy of each page that the
    // statement touches, so the program itself watches over the order of events and over settled
    // intents. Nearly every intent succeeds, so those are found by their time. What is open or
    // waits for a person is listed by time without being sorted.
    {3,
     R"sql(
DROP TRIGGER events_in_order;
DROP TRIGGER settled_unchanged;
DROP INDEX intents_settled;
CREATE INDEX intents_not_done ON intents (tenant, state, created_at)
    WHERE state = 'REJECTED' OR state = 'REVERSED';
DROP INDEX intents_unsettled;
CREATE INDEX intents_unsettled ON intents (tenant, state, created_at) WHERE settled_at IS NULL;
CREATE INDEX intents_in_review ON intents (tenant, created_at) WHERE review_at IS NOT NULL;
PRAGMA user_version = 3;
)sql"},
};

}  // namespace

absl::Span<const Migration> LedgerMigrations() { return kMigrations; }

}  // namespace onetake
