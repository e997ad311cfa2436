#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tools/dental/fate.h"

namespace onetake::dental {

// Whether the practice's API knows idempotency keys.
enum class KeyMode { kHonour, kIgnore };

// The practice management system that the demo books in: an HTTP server over its own SQLite file,
// slow and faulty on purpose. Its rows are the truth about what happened. Like several real
// systems it lets anybody book a slot twice, so a double booking shows as rows.
//
//   GET  /slots?date=&provider=            free half hours of one provider's day
//   GET  /appointments?slot=&provider=&patient=&status=   active ones; status=all shows all
//   GET  /appointments/{id}
//   POST /appointments                     {slot_iso, provider_id, patient_id, notes}
//   POST /appointments/{id}/cancel         also when it is cancelled already
//   POST /appointments/{id}/reschedule     {slot_iso}
//   GET  /stats   GET /healthz             never slow
//
// Writes take `Idempotency-Key` (KeyMode::kHonour): the same key and request get the recorded
// answer; 409 key_in_use while the first is running; 422 key_reused for another request. An answer
// is recorded in the transaction of its row; errors are not recorded.
class PracticeApi {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    int port = 0;         // 0: any free one
    int threads = 512;    // a connection holds one: while slow, stalled, or idle for a second
    std::string db_path;  // made when it is not there
    KeyMode keys = KeyMode::kHonour;
    absl::Duration key_retention = absl::Hours(24);
    absl::Duration stall = absl::Seconds(60);  // kCommitThenStall, then the connection is reset
    FateDealer::Options fate;
  };

  // Serves when it returns. UNAVAILABLE when the address cannot be bound; otherwise what opening
  // the file may return.
  static absl::StatusOr<std::unique_ptr<PracticeApi>> Start(const Options& options);

  // Wakes every waiting request, then joins all threads.
  ~PracticeApi();
  PracticeApi(const PracticeApi&) = delete;
  PracticeApi& operator=(const PracticeApi&) = delete;

  int port() const;

 private:
  class Impl;
  explicit PracticeApi(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace onetake::dental
