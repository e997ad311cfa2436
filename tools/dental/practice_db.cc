#include "tools/dental/practice_db.h"

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"
#include "runtime/store/migration.h"
#include "runtime/store/statement.h"
#include "runtime/store/transaction.h"

namespace onetake::dental {
namespace {

constexpr int32_t kApplicationId = 0x64656e74;  // "dent"
constexpr int64_t kCheckpointFrames = 1000;

// Slots are whole seconds: they have no finer grain.
constexpr Migration kMigrations[] = {{1, R"sql(
  CREATE TABLE appointments(
    id INTEGER PRIMARY KEY, slot INTEGER NOT NULL, provider TEXT NOT NULL, patient TEXT NOT NULL,
    notes TEXT NOT NULL, cancelled INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE INDEX appointments_by_slot ON appointments(slot, provider, patient);
  CREATE TABLE keyed_answers(
    key TEXT PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    recorded_us INTEGER NOT NULL) STRICT;
  PRAGMA application_id=0x64656e74;
  PRAGMA user_version=1;
)sql"}};

Appointment ReadAppointment(const Run& row) {
  return {.id = row.Int(0),
          .slot = absl::FromUnixSeconds(row.Int(1)),
          .provider = std::string(row.Text(2)),
          .patient = std::string(row.Text(3)),
          .notes = std::string(row.Text(4)),
          .status = row.Int(5) == 0 ? AppointmentStatus::kBooked : AppointmentStatus::kCancelled};
}

}  // namespace

absl::StatusOr<Appointment> PracticeDb::Tables::Book(const Appointment& appointment) {
  ONETAKE_ASSIGN_OR_RETURN(
      Statement insert,
      db_.Prepare("INSERT INTO appointments(slot, provider, patient, notes) VALUES(?, ?, ?, ?) "
                  "RETURNING id, slot, provider, patient, notes, cancelled"));
  Run run(insert);
  run.Int(1, absl::ToUnixSeconds(appointment.slot))
      .Text(2, appointment.provider)
      .Text(3, appointment.patient)
      .Text(4, appointment.notes);
  ONETAKE_RETURN_IF_ERROR(run.Step().status());
  Appointment booked = ReadAppointment(run);
  ONETAKE_RETURN_IF_ERROR(run.Finish());
  return booked;
}

absl::StatusOr<Appointment> PracticeDb::Tables::Get(int64_t id) {
  ONETAKE_ASSIGN_OR_RETURN(Statement select,
                           db_.Prepare("SELECT id, slot, provider, patient, notes, cancelled "
                                       "FROM appointments WHERE id = ?"));
  Run run(select);
  run.Int(1, id);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return absl::NotFoundError(absl::StrCat("no appointment ", id));
  return ReadAppointment(run);
}

absl::StatusOr<Appointment> PracticeDb::Tables::Cancel(int64_t id) {
  ONETAKE_ASSIGN_OR_RETURN(Statement update,
                           db_.Prepare("UPDATE appointments SET cancelled = 1 WHERE id = ?"));
  ONETAKE_RETURN_IF_ERROR(Run(update).Int(1, id).Finish());
  return Get(id);
}

absl::StatusOr<Appointment> PracticeDb::Tables::Reschedule(int64_t id, absl::Time slot) {
  ONETAKE_ASSIGN_OR_RETURN(const Appointment old, Get(id));
  if (old.status == AppointmentStatus::kCancelled) {
    return absl::FailedPreconditionError(absl::StrCat("appointment ", id, " is cancelled"));
  }
  ONETAKE_ASSIGN_OR_RETURN(Statement update,
                           db_.Prepare("UPDATE appointments SET slot = ? WHERE id = ?"));
  ONETAKE_RETURN_IF_ERROR(Run(update).Int(1, absl::ToUnixSeconds(slot)).Int(2, id).Finish());
  return Get(id);
}

absl::StatusOr<std::vector<Appointment>> PracticeDb::Tables::Find(const AppointmentFilter& filter) {
  std::optional<int64_t> slot;
  if (filter.slot.has_value()) slot = absl::ToUnixSeconds(*filter.slot);
  std::optional<int64_t> cancelled;
  if (filter.status.has_value()) cancelled = *filter.status == AppointmentStatus::kCancelled;
  ONETAKE_ASSIGN_OR_RETURN(
      Statement select,
      db_.Prepare("SELECT id, slot, provider, patient, notes, cancelled FROM appointments "
                  "WHERE (?1 IS NULL OR slot = ?1) AND (?2 IS NULL OR provider = ?2) "
                  "AND (?3 IS NULL OR patient = ?3) AND (?4 IS NULL OR cancelled = ?4) "
                  "ORDER BY id"));
  Run run(select);
  run.OptionalInt(1, slot)
      .OptionalText(2, filter.provider)
      .OptionalText(3, filter.patient)
      .OptionalInt(4, cancelled);
  std::vector<Appointment> found;
  while (true) {
    ONETAKE_ASSIGN_OR_RETURN(const bool more, run.Step());
    if (!more) return found;
    found.push_back(ReadAppointment(run));
  }
}

absl::StatusOr<PracticeDb::Totals> PracticeDb::Tables::Count() {
  ONETAKE_ASSIGN_OR_RETURN(
      Statement select,
      db_.Prepare("SELECT (SELECT COUNT(*) FROM appointments), COALESCE(SUM(n), 0), "
                  "COALESCE(SUM(n - 1), 0) FROM (SELECT COUNT(*) AS n FROM appointments "
                  "WHERE cancelled = 0 GROUP BY slot, provider, patient)"));
  Run run(select);
  ONETAKE_RETURN_IF_ERROR(run.Step().status());
  return Totals{.rows = run.Int(0), .active = run.Int(1), .duplicates = run.Int(2)};
}

absl::Status PracticeDb::Tables::Remember(const KeyedAnswer& answer) {
  ONETAKE_ASSIGN_OR_RETURN(
      Statement insert,
      db_.Prepare("INSERT OR REPLACE INTO keyed_answers(key, request, status, body, recorded_us) "
                  "VALUES(?, ?, ?, ?, ?)"));
  return Run(insert)
      .Text(1, answer.key)
      .Text(2, answer.request)
      .Int(3, answer.status)
      .Text(4, answer.body)
      .Int(5, absl::ToUnixMicros(answer.recorded_at))
      .Finish();
}

absl::StatusOr<std::optional<KeyedAnswer>> PracticeDb::Tables::FindAnswer(absl::string_view key) {
  ONETAKE_ASSIGN_OR_RETURN(Statement select,
                           db_.Prepare("SELECT key, request, status, body, recorded_us "
                                       "FROM keyed_answers WHERE key = ?"));
  Run run(select);
  run.Text(1, key);
  ONETAKE_ASSIGN_OR_RETURN(const bool found, run.Step());
  if (!found) return std::nullopt;
  return KeyedAnswer{.key = std::string(run.Text(0)),
                     .request = std::string(run.Text(1)),
                     .status = static_cast<int>(run.Int(2)),
                     .body = std::string(run.Text(3)),
                     .recorded_at = absl::FromUnixMicros(run.Int(4))};
}

absl::StatusOr<std::unique_ptr<PracticeDb>> PracticeDb::Open(const std::string& path) {
  ONETAKE_ASSIGN_OR_RETURN(std::string resolved, ResolveDatabasePath(path));
  ONETAKE_ASSIGN_OR_RETURN(
      std::unique_ptr<Database> db,
      Database::Open(
          {.path = std::move(resolved), .access = Database::Access::kWriter, .vfs = {}}));
  ONETAKE_RETURN_IF_ERROR(Migrate(*db, kApplicationId, kMigrations));
  // The rows must outlive this process, not a power cut; and a slow disk must not add to the
  // latency that was asked for.
  ONETAKE_RETURN_IF_ERROR(db->RunScript("PRAGMA synchronous=OFF;"));
  return std::unique_ptr<PracticeDb>(new PracticeDb(std::move(db)));
}

absl::Status PracticeDb::Transact(absl::FunctionRef<absl::Status(Tables&)> work) {
  absl::MutexLock lock(&mutex_);
  ONETAKE_ASSIGN_OR_RETURN(Transaction transaction,
                           Transaction::Begin(*db_, Transaction::Kind::kWrite));
  Tables tables(*db_);
  ONETAKE_RETURN_IF_ERROR(work(tables));
  ONETAKE_RETURN_IF_ERROR(transaction.Commit());
  if (db_->WalFrames() < kCheckpointFrames) return absl::OkStatus();
  return db_->Checkpoint(Database::CheckpointMode::kPassive).status();
}

}  // namespace onetake::dental
