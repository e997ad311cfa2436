#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "runtime/store/database.h"

namespace onetake::dental {

enum class AppointmentStatus { kBooked, kCancelled };

struct Appointment {
  int64_t id = 0;
  absl::Time slot;
  std::string provider = {};
  std::string patient = {};
  std::string notes = {};
  AppointmentStatus status = AppointmentStatus::kBooked;
};

// A field that is absent matches everything.
struct AppointmentFilter {
  std::optional<absl::Time> slot = {};
  std::optional<std::string> provider = {};
  std::optional<std::string> patient = {};
  std::optional<AppointmentStatus> status = {};
};

// An answer that was given under an idempotency key, and the request that it answered.
struct KeyedAnswer {
  std::string key;
  std::string request;
  int status = 0;
  std::string body;
  absl::Time recorded_at;
};

// The practice's file. Nothing in it forbids two rows for one slot.
class PracticeDb {
 public:
  struct Totals {
    int64_t rows = 0;    // cancelled ones too
    int64_t active = 0;  // booked
    // Booked rows beyond the first of their (slot, provider, patient).
    int64_t duplicates = 0;
  };

  // Reachable only inside Transact().
  class Tables {
   public:
    // NOT_FOUND names the id, FAILED_PRECONDITION means that it is cancelled. `id` and `status` of
    // a new appointment are ignored.
    absl::StatusOr<Appointment> Book(const Appointment& appointment);
    absl::StatusOr<Appointment> Get(int64_t id);
    absl::StatusOr<Appointment> Cancel(int64_t id);
    absl::StatusOr<Appointment> Reschedule(int64_t id, absl::Time slot);
    absl::StatusOr<std::vector<Appointment>> Find(const AppointmentFilter& filter);
    absl::StatusOr<Totals> Count();

    // Replaces an older answer of that key.
    absl::Status Remember(const KeyedAnswer& answer);
    absl::StatusOr<std::optional<KeyedAnswer>> FindAnswer(absl::string_view key);

   private:
    friend class PracticeDb;
    explicit Tables(Database& db) : db_(db) {}
    Database& db_;
  };

  // Makes the file when it is not there. One process at a time.
  static absl::StatusOr<std::unique_ptr<PracticeDb>> Open(const std::string& path);

  // Runs `work` in one transaction, one at a time; a non-OK status rolls it back and is returned.
  // Thread-safe.
  absl::Status Transact(absl::FunctionRef<absl::Status(Tables&)> work) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  explicit PracticeDb(std::unique_ptr<Database> db) : db_(std::move(db)) {}

  absl::Mutex mutex_;
  const std::unique_ptr<Database> db_ ABSL_PT_GUARDED_BY(mutex_);
};

}  // namespace onetake::dental
