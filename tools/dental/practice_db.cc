#include "tools/dental/practice_db.h"

#include <sqlite3.h>

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "runtime/base/status.h"

namespace onetake::dental {
namespace {

// Instants as whole seconds: a slot has no finer grain.
constexpr char kSchema[] = R"sql(
  PRAGMA journal_mode=WAL;
  CREATE TABLE IF NOT EXISTS appointments(
    id INTEGER PRIMARY KEY, slot INTEGER NOT NULL, provider TEXT NOT NULL, patient TEXT NOT NULL,
    notes TEXT NOT NULL, cancelled INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE INDEX IF NOT EXISTS appointments_by_slot ON appointments(slot, provider, patient);
  CREATE TABLE IF NOT EXISTS keyed_answers(
    key TEXT PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    recorded_us INTEGER NOT NULL) STRICT;
)sql";

absl::Status SqliteStatus(sqlite3* db, int code, absl::string_view what) {
  if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(what, ": ", sqlite3_errmsg(db)));
}

absl::Status Exec(sqlite3* db, const char* sql) {
  return SqliteStatus(db, sqlite3_exec(db, sql, nullptr, nullptr, nullptr), "practice file");
}

// One use of one statement, from literal SQL. Parameters are bound in the order given; an absent
// optional is NULL.
class Query {
 public:
  template <size_t N, typename... Values>
  Query(sqlite3* db, const char (&sql)[N], const Values&... values) : db_(db) {
    code_ = sqlite3_prepare_v2(db, sql, N, &raw_, nullptr);
    (Bind(values), ...);
  }
  ~Query() { sqlite3_finalize(raw_); }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // True when there is a row.
  absl::StatusOr<bool> Step() {
    if (code_ == SQLITE_OK || code_ == SQLITE_ROW) code_ = sqlite3_step(raw_);
    ONETAKE_RETURN_IF_ERROR(SqliteStatus(db_, code_, "practice file"));
    return code_ == SQLITE_ROW;
  }
  int64_t Int(int column) { return sqlite3_column_int64(raw_, column); }
  std::string Text(int column) {
    return std::string(reinterpret_cast<const char*>(sqlite3_column_text(raw_, column)),
                       static_cast<size_t>(sqlite3_column_bytes(raw_, column)));
  }

 private:
  void Bind(int64_t value) { Keep(sqlite3_bind_int64(raw_, ++bound_, value)); }
  void Bind(absl::string_view value) {
    Keep(sqlite3_bind_text64(raw_, ++bound_, value.data(), value.size(), SQLITE_TRANSIENT,
                             SQLITE_UTF8));
  }
  template <typename T>
  void Bind(const std::optional<T>& value) {
    value.has_value() ? Bind(*value) : Keep(sqlite3_bind_null(raw_, ++bound_));
  }
  void Keep(int code) {
    if (code_ == SQLITE_OK) code_ = code;
  }

  sqlite3* db_;
  sqlite3_stmt* raw_ = nullptr;
  int bound_ = 0;
  int code_ = SQLITE_OK;
};

Appointment ReadAppointment(Query& row) {
  return {.id = row.Int(0),
          .slot = absl::FromUnixSeconds(row.Int(1)),
          .provider = row.Text(2),
          .patient = row.Text(3),
          .notes = row.Text(4),
          .status = row.Int(5) == 0 ? AppointmentStatus::kBooked : AppointmentStatus::kCancelled};
}

}  // namespace

absl::StatusOr<Appointment> PracticeDb::Tables::Book(const Appointment& appointment) {
  Query insert(db_,
               "INSERT INTO appointments(slot, provider, patient, notes) VALUES(?, ?, ?, ?) "
               "RETURNING id, slot, provider, patient, notes, cancelled",
               absl::ToUnixSeconds(appointment.slot), appointment.provider, appointment.patient,
               appointment.notes);
  ONETAKE_RETURN_IF_ERROR(insert.Step().status());
  return ReadAppointment(insert);
}

absl::StatusOr<Appointment> PracticeDb::Tables::Get(int64_t id) {
  Query row(db_,
            "SELECT id, slot, provider, patient, notes, cancelled FROM appointments WHERE id = ?",
            id);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, row.Step());
  if (!found) return absl::NotFoundError(absl::StrCat("no appointment ", id));
  return ReadAppointment(row);
}

absl::StatusOr<Appointment> PracticeDb::Tables::Cancel(int64_t id) {
  Query update(db_, "UPDATE appointments SET cancelled = 1 WHERE id = ?", id);
  ONETAKE_RETURN_IF_ERROR(update.Step().status());
  return Get(id);
}

absl::StatusOr<Appointment> PracticeDb::Tables::Reschedule(int64_t id, absl::Time slot) {
  ONETAKE_ASSIGN_OR_RETURN(const Appointment old, Get(id));
  if (old.status == AppointmentStatus::kCancelled) {
    return absl::FailedPreconditionError(absl::StrCat("appointment ", id, " is cancelled"));
  }
  Query update(db_, "UPDATE appointments SET slot = ? WHERE id = ?", absl::ToUnixSeconds(slot), id);
  ONETAKE_RETURN_IF_ERROR(update.Step().status());
  return Get(id);
}

absl::StatusOr<std::vector<Appointment>> PracticeDb::Tables::Find(const AppointmentFilter& filter) {
  std::optional<int64_t> slot;
  if (filter.slot.has_value()) slot = absl::ToUnixSeconds(*filter.slot);
  std::optional<int64_t> cancelled;
  if (filter.status.has_value()) cancelled = *filter.status == AppointmentStatus::kCancelled;
  Query rows(db_,
             "SELECT id, slot, provider, patient, notes, cancelled FROM appointments "
             "WHERE (?1 IS NULL OR slot = ?1) AND (?2 IS NULL OR provider = ?2) "
             "AND (?3 IS NULL OR patient = ?3) AND (?4 IS NULL OR cancelled = ?4) ORDER BY id",
             slot, filter.provider, filter.patient, cancelled);
  std::vector<Appointment> found;
  while (true) {
    ONETAKE_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return found;
    found.push_back(ReadAppointment(rows));
  }
}

absl::StatusOr<PracticeDb::Totals> PracticeDb::Tables::Count() {
  Query row(db_,
            "SELECT (SELECT COUNT(*) FROM appointments), COALESCE(SUM(n), 0), "
            "COALESCE(SUM(n - 1), 0) FROM (SELECT COUNT(*) AS n FROM appointments "
            "WHERE cancelled = 0 GROUP BY slot, provider, patient)");
  ONETAKE_RETURN_IF_ERROR(row.Step().status());
  return Totals{.rows = row.Int(0), .active = row.Int(1), .duplicates = row.Int(2)};
}

absl::Status PracticeDb::Tables::Remember(const KeyedAnswer& answer) {
  Query insert(db_,
               "INSERT OR REPLACE INTO keyed_answers(key, request, status, body, recorded_us) "
               "VALUES(?, ?, ?, ?, ?)",
               answer.key, answer.request, int64_t{answer.status}, answer.body,
               absl::ToUnixMicros(answer.recorded_at));
  return insert.Step().status();
}

absl::StatusOr<std::optional<KeyedAnswer>> PracticeDb::Tables::FindAnswer(absl::string_view key) {
  Query row(db_, "SELECT key, request, status, body, recorded_us FROM keyed_answers WHERE key = ?",
            key);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, row.Step());
  if (!found) return std::nullopt;
  return KeyedAnswer{.key = row.Text(0),
                     .request = row.Text(1),
                     .status = static_cast<int>(row.Int(2)),
                     .body = row.Text(3),
                     .recorded_at = absl::FromUnixMicros(row.Int(4))};
}

class PracticeDb::Impl {
 public:
  ~Impl() { sqlite3_close(db_); }

  absl::Status Open(const std::string& path) {
    absl::MutexLock lock(&mutex_);
    const int code =
        sqlite3_open_v2(path.c_str(), &db_,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    ONETAKE_RETURN_IF_ERROR(SqliteStatus(db_, code, absl::StrCat("cannot open ", path)));
    return Exec(db_, kSchema);
  }

  absl::Status Transact(absl::FunctionRef<absl::Status(sqlite3*)> work) {
    absl::MutexLock lock(&mutex_);
    ONETAKE_RETURN_IF_ERROR(Exec(db_, "BEGIN IMMEDIATE"));
    absl::Status status = work(db_);
    if (status.ok()) status = Exec(db_, "COMMIT");
    if (!status.ok() && sqlite3_get_autocommit(db_) == 0) {
      ONETAKE_RETURN_IF_ERROR(Exec(db_, "ROLLBACK"));
    }
    return status;
  }

 private:
  absl::Mutex mutex_;
  sqlite3* db_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

PracticeDb::PracticeDb(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PracticeDb::~PracticeDb() = default;

absl::StatusOr<std::unique_ptr<PracticeDb>> PracticeDb::Open(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  ONETAKE_RETURN_IF_ERROR(impl->Open(path));
  return std::unique_ptr<PracticeDb>(new PracticeDb(std::move(impl)));
}

absl::Status PracticeDb::Transact(absl::FunctionRef<absl::Status(Tables&)> work) {
  return impl_->Transact([work](sqlite3* db) {
    Tables tables(db);
    return work(tables);
  });
}

}  // namespace onetake::dental
