#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/catalog/tool.h"

namespace onetake {

enum class AttemptId : uint64_t {};

// Whether the layers below may send the same bytes again by themselves (R13).
enum class TransportResend { kForbidden, kAllowed };

// What a tool says of itself while it works. It prolongs nothing.
struct AttemptProgress {
  std::string text;     // a stranger's words, at most limits::kProgressBytes
  double progress = 0;  // of `total`; both 0: not said
  double total = 0;
};

struct AttemptRequest {
  std::string rendered;    // from Render(), or from the ledger after a restart
  absl::Duration timeout;  // hard: from the start of the attempt to the last byte of the answer
  TransportResend transport_resend = TransportResend::kForbidden;
  int number = 1;           // of the attempts of this generation, from 1
  std::string traceparent;  // to be sent beside `rendered` where the protocol has a place; or empty
  // May be empty. Called from the loop, between Start() and `done`.
  std::function<void(const AttemptProgress&)> on_progress;
};

// What an executor knows about an attempt that has ended. The engine turns it into an outcome; the
// executor only reads what its protocol and the tool's binding say.
struct AttemptReport {
  Reached reached = Reached::kNothingSent;
  // Absent: it took effect, `result_json` is the result.
  std::optional<FailureKind> failure;
  // The attempt ran into AttemptRequest::timeout after its request was begun: the downstream takes
  // at least that long.
  bool timed_out = false;
  // The failure is kLost, and as far as is known the write is still being done: it can land at any
  // later time, so a look-up that does not find it proves nothing.
  bool still_runs = false;
  std::string
      result_json;  // the answer's JSON bytes unchanged; of a refusal too, when it had a JSON body
  // The downstream's id of the job, when it has accepted the write and does it later. `failure` is
  // absent then, and nothing has taken effect yet.
  std::optional<std::string> job;
  int http_status = 0;  // 0 when none was seen
  std::optional<absl::Duration> retry_after;
  // The failure is kNotSent for what is recorded, not for anything of the downstream's.
  bool refused_here = false;
  // Whether the transport sent it more than once, where it may; the report is about the last copy.
  bool resent = false;
  std::string error;  // short, for the ledger: "connect refused"; no argument or body text
  absl::Duration latency = absl::ZeroDuration();
};

// What a downstream that is asked about one write says of it.
struct ProbeReport {
  enum class Finding {
    kApplied,
    kNotApplied,  // and nothing still on its way can take effect any more
    kInconclusive,
  };
  Finding finding = Finding::kInconclusive;
  std::string result_json;  // kApplied: the write's result; empty when it cannot be had
  std::string error;        // short, for the ledger: why it is inconclusive
};

// One way to reach a downstream. Owned by the loop; `done` is called from it, once, never inside
// Start().
class ToolExecutor {
 public:
  virtual ~ToolExecutor() = default;

  // Returns the bytes of an attempt, exactly as they will be sent, with secrets as references
  // (R11). `key` is empty for a READ. INVALID_ARGUMENT when an argument cannot be placed (a control
  // character in a header, a slash in a path segment), naming the argument.
  virtual absl::StatusOr<std::string> Render(const Tool& tool, const Json& arguments,
                                             absl::string_view key) const = 0;

  // `tool` may be a later version than the one `rendered` was made by: it says how to read the
  // answer, and where `rendered`, which a file kept, may lead. What leads elsewhere, or names other
  // secrets, is kNotSent.
  using Done = absl::AnyInvocable<void(AttemptReport)>;
  virtual AttemptId Start(const std::shared_ptr<const Tool>& tool, AttemptRequest request,
                          Done done) = 0;

  // Whether `rendered`, which another version of the tool may have made, holds `key` where this one
  // says that the downstream looks for it. Only that makes it safe to send again as KEYED (R17).
  virtual bool HoldsKey(const Tool& /*tool*/, absl::string_view /*rendered*/,
                        absl::string_view /*key*/) const {
    return true;  // it gets the key with every call
  }

  // For how long at least nothing can be sent for `tool`, as far as is known: the program behind it
  // is starting, or starting again. Zero: it can be sent now. What is sent meanwhile is surely not
  // sent on; whoever can wait asks first, so that an outage costs no attempts.
  virtual absl::Duration NotReadyFor(const Tool& /*tool*/) const { return absl::ZeroDuration(); }

  // Closes the attempt's socket; `done` is still called, with what is known: kNotSent when surely
  // nothing was sent, `still_runs` of what goes on without us. Ended ids are ignored.
  virtual void Cancel(AttemptId id) = 0;

  // Asks whether the write that was made by the request `rendered` has taken effect; changes
  // nothing. `done` as in Start(). False, and `done` is not called, when this kind of downstream
  // cannot be asked.
  using ProbeDone = absl::AnyInvocable<void(ProbeReport)>;
  [[nodiscard]] virtual bool Probe(const std::shared_ptr<const Tool>& /*tool*/,
                                   const std::string& /*rendered*/, absl::Duration /*timeout*/,
                                   ProbeDone /*done*/) {
    return false;
  }
};

}  // namespace onetake
