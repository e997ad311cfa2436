#include "tests/sim/dump.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace onetake::sim {
namespace {

// The disk as it is, for the time of one look.
class WithoutFaults {
 public:
  explicit WithoutFaults(SimDisk& disk) : disk_(disk), before_(disk.faults()) {
    disk_.faults() = {};
  }
  ~WithoutFaults() { disk_.faults() = before_; }

 private:
  SimDisk& disk_;
  const SimDisk::Faults before_;
};

std::string Text(sqlite3_stmt* row, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
  return text == nullptr ? "" : std::string(text, sqlite3_column_bytes(row, column));
}

// Of a TEXT its bytes, too.
std::string Blob(sqlite3_stmt* row, int column) {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(row, column));
  return bytes == nullptr ? "" : std::string(bytes, sqlite3_column_bytes(row, column));
}

class Reader {
 public:
  Reader(SimDisk& disk, const std::string& path) {
    code_ = sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READWRITE, disk.name().c_str());
    // The file is looked at, not changed.
    if (code_ == SQLITE_OK) {
      sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    }
  }
  ~Reader() { sqlite3_close(db_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void Each(const char* sql, const std::function<void(sqlite3_stmt*)>& row) {
    if (code_ != SQLITE_OK) return;
    sqlite3_stmt* statement = nullptr;
    code_ = sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr);
    while (code_ == SQLITE_OK) {
      const int step = sqlite3_step(statement);
      if (step == SQLITE_DONE) break;
      if (step != SQLITE_ROW) {
        code_ = step;
      } else {
        row(statement);
      }
    }
    sqlite3_finalize(statement);
  }
  absl::Status status() const {
    if (code_ == SQLITE_OK) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(sqlite3_errstr(code_), ": ", sqlite3_errmsg(db_)));
  }

 private:
  sqlite3* db_ = nullptr;
  int code_ = SQLITE_OK;
};

Dump::Intent IntentOf(sqlite3_stmt* row) {
  Dump::Intent intent;
  intent.row = sqlite3_column_int64(row, 0);
  intent.tenant = Text(row, 1);
  intent.intent_id = Text(row, 2);
  intent.generation = sqlite3_column_int(row, 3);
  intent.key = Text(row, 4);
  intent.tool = Text(row, 5);
  intent.session = Text(row, 6);
  intent.state = Text(row, 7);
  intent.reason = Text(row, 8);
  intent.settled = sqlite3_column_type(row, 9) != SQLITE_NULL;
  intent.in_review = sqlite3_column_type(row, 10) != SQLITE_NULL;
  intent.aged = sqlite3_column_type(row, 11) != SQLITE_NULL;
  intent.sealed = sqlite3_column_int(row, 12) != 0;
  intent.stored = Blob(row, 13);
  if (sqlite3_column_type(row, 13) == SQLITE_TEXT) intent.result = intent.stored;
  intent.erased = sqlite3_column_type(row, 14) != SQLITE_NULL;
  intent.bodies = sqlite3_column_int(row, 15);
  intent.reverses_row = sqlite3_column_int64(row, 16);
  intent.attempts = sqlite3_column_int(row, 17);
  intent.last_attempt = sqlite3_column_int(row, 18);
  intent.waits = sqlite3_column_int(row, 19);
  intent.safety = Text(row, 20);
  return intent;
}

}  // namespace

std::map<std::string, const Dump::Intent*> Dump::ByKey() const {
  std::map<std::string, const Intent*> by_key;
  for (const Intent& intent : intents) by_key[intent.key] = &intent;
  return by_key;
}

const Dump::Intent* Dump::Find(const std::string& key) const {
  const auto found = std::find_if(intents.begin(), intents.end(),
                                  [&](const Intent& intent) { return intent.key == key; });
  return found == intents.end() ? nullptr : &*found;
}

absl::StatusOr<Dump> ReadDump(SimDisk& disk, const std::string& path) {
  const WithoutFaults calm(disk);
  Reader reader(disk, path);
  Dump dump;
  reader.Each(
      "SELECT i.intent_row, tenant, intent_id, generation, key, tool, session_id, state, reason,"
      " settled_at, review_at, aged_at, sealed, r.result, erased_at,"
      " (SELECT count(*) FROM bodies b WHERE b.intent_row = i.intent_row)"
      " + (SELECT count(*) FROM requests q WHERE q.intent_row = i.intent_row)"
      " + (SELECT count(*) FROM intent_keys k WHERE k.intent_row = i.intent_row)"
      " + (r.intent_row IS NOT NULL), coalesce(reverses_row, 0),"
      " (SELECT count(*) FROM attempts a WHERE a.intent_row = i.intent_row),"
      " (SELECT max(number) FROM attempts a WHERE a.intent_row = i.intent_row),"
      " (SELECT count(*) FROM attempts a WHERE a.intent_row = i.intent_row"
      "  AND failure = 'KEY_IN_USE'), safety"
      " FROM intents i LEFT JOIN results r USING (intent_row) ORDER BY i.intent_row",
      [&](sqlite3_stmt* row) { dump.intents.push_back(IntentOf(row)); });
  reader.Each(
      "SELECT seq, coalesce(intent_row, 0), kind, from_state, to_state, rule, at, hash"
      " FROM events ORDER BY seq",
      [&](sqlite3_stmt* row) {
        dump.events.push_back({sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1),
                               Text(row, 2), Text(row, 3), Text(row, 4), Text(row, 5),
                               absl::FromUnixMicros(sqlite3_column_int64(row, 6)), Blob(row, 7)});
      });
  reader.Each(
      "SELECT count(*) FROM attempts JOIN intents USING (intent_row)"
      " WHERE ended_at IS NULL AND settled_at IS NOT NULL",
      [&](sqlite3_stmt* row) { dump.open_attempts_of_settled = sqlite3_column_int64(row, 0); });
  reader.Each("PRAGMA integrity_check", [&](sqlite3_stmt* row) { dump.integrity += Text(row, 0); });
  reader.Each("PRAGMA user_version",
              [&](sqlite3_stmt* row) { dump.schema = sqlite3_column_int64(row, 0); });
  if (!reader.status().ok()) return reader.status();
  return dump;
}

namespace {

std::vector<Waiting> ReadWaiting(SimDisk& disk, const std::string& path, const char* which) {
  const WithoutFaults calm(disk);
  Reader reader(disk, path);
  std::vector<Waiting> waiting;
  reader.Each(absl::StrCat(
                  "SELECT tenant, intent_id, key, tool, generation, state = 'REVERSED' FROM intents"
                  " WHERE ",
                  which, " ORDER BY intent_row")
                  .c_str(),
              [&](sqlite3_stmt* row) {
                waiting.push_back({Text(row, 0), Text(row, 1), Text(row, 2), Text(row, 3),
                                   sqlite3_column_int(row, 4), sqlite3_column_int(row, 5) != 0});
              });
  return waiting;
}

}  // namespace

std::vector<Waiting> ReadReview(SimDisk& disk, const std::string& path) {
  return ReadWaiting(disk, path, "review_at IS NOT NULL");
}

std::vector<Waiting> ReadDoubts(SimDisk& disk, const std::string& path) {
  return ReadWaiting(disk, path, "state = 'UNKNOWN' AND review_at IS NULL");
}

bool HoldsAttempt(SimDisk& disk, const std::string& path, const std::string& key, int number) {
  const WithoutFaults calm(disk);
  Reader reader(disk, path);
  bool holds = false;
  // Keys are hexadecimal.
  reader.Each(absl::StrCat("SELECT 1 FROM intents JOIN attempts USING (intent_row) WHERE key = '",
                           key, "' AND number = ", number)
                  .c_str(),
              [&](sqlite3_stmt*) { holds = true; });
  return holds && reader.status().ok();
}

int64_t CountOpen(SimDisk& disk, const std::string& path) {
  const WithoutFaults calm(disk);
  Reader reader(disk, path);
  int64_t open = 0;
  reader.Each("SELECT count(*) FROM intents WHERE settled_at IS NULL AND review_at IS NULL",
              [&](sqlite3_stmt* row) { open = sqlite3_column_int64(row, 0); });
  return open;
}

}  // namespace onetake::sim
