#include "tools/dental/practice_api.h"

#include <map>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "nlohmann/json.hpp"
#include "runtime/base/status.h"
#include "tools/dental/http_server.h"
#include "tools/dental/key_desk.h"
#include "tools/dental/practice_db.h"
#include "tools/dental/practice_json.h"

namespace onetake::dental {
namespace {

absl::string_view FaultName(Fault fault) {
  switch (fault) {
    case Fault::kNone: return "none";
    case Fault::kErrorBeforeCommit: return "error_before_commit";
    case Fault::kErrorAfterCommit: return "error_after_commit";
    case Fault::kCommitThenStall: return "commit_then_stall";
    case Fault::kCommitThenReset: return "commit_then_reset";
  }
  return "";
}

// How often something happened, by name. Thread-safe.
class Counters {
 public:
  void Add(absl::string_view name) {
    absl::MutexLock lock(&mutex_);
    ++counts_[std::string(name)];
  }
  nlohmann::json Snapshot() {
    absl::MutexLock lock(&mutex_);
    return counts_;
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, int64_t> counts_ ABSL_GUARDED_BY(mutex_);
};

void Send(const Reply& reply, httplib::Response& response) {
  response.status = reply.status;
  response.set_content(reply.body, "application/json");
}

}  // namespace

class PracticeApi::Impl {
 public:
  Impl(const Options& options, std::unique_ptr<PracticeDb> db)
      : options_(options),
        db_(std::move(db)),
        keys_(*db_, options.key_retention),
        fates_(options.fate),
        server_(options.threads) {}
  ~Impl() { stopping_.Notify(); }

  absl::Status Start() {
    AddReads();
    AddWrites();
    ONETAKE_ASSIGN_OR_RETURN(port_, server_.Start(options_.host, options_.port));
    return absl::OkStatus();
  }

  int port() const { return port_; }

 private:
  using Request = httplib::Request;
  using Response = httplib::Response;
  using Change = absl::FunctionRef<absl::StatusOr<Reply>(PracticeDb::Tables&)>;

  // One write: its name in the statistics, and what it is about.
  struct Write {
    absl::string_view kind;
    std::string thing;
  };

  void AddReads() {
    server_.Get("/healthz", [](const Request&, Response& response) {
      Send({200, R"({"status":"ok"})"}, response);
    });
    server_.Get("/stats", [this](const Request&, Response& response) {
      Send(InTransaction([this](auto& tables) { return Stats(tables); }), response);
    });
    AddRead("/slots", "slots", ListSlots);
    AddRead("/appointments", "find", FindAppointments);
    AddRead(R"(/appointments/(\d+))", "get", GetAppointment);
  }

  void AddRead(const char* pattern, absl::string_view kind,
               absl::StatusOr<Reply> (*read)(const Request&, PracticeDb::Tables&)) {
    server_.Get(pattern, [this, kind, read](const Request& request, Response& response) {
      requests_.Add(kind);
      const Fate fate = fates_.Deal(request.target);
      Sleep(fate.before_commit + fate.after_commit);
      Send(InTransaction([&](auto& tables) { return read(request, tables); }), response);
    });
  }

  void AddWrites() {
    server_.Post("/appointments", [this](const Request& request, Response& response) {
      const absl::StatusOr<Appointment> wanted = ParseBooking(request.body);
      if (!wanted.ok()) return Send(ErrorReply(wanted.status()), response);
      RunWrite({"book", ThingBooked(*wanted)}, request, response,
               [&](auto& tables) { return Created(tables.Book(*wanted)); });
    });
    server_.Post(R"(/appointments/(\d+)/cancel)",
                 [this](const Request& request, Response& response) {
                   const absl::StatusOr<int64_t> id = ParseId(request);
                   if (!id.ok()) return Send(ErrorReply(id.status()), response);
                   RunWrite({"cancel", request.path}, request, response,
                            [&](auto& tables) { return Changed(tables.Cancel(*id)); });
                 });
    server_.Post(R"(/appointments/(\d+)/reschedule)", [this](const Request& request,
                                                             Response& response) {
      const absl::StatusOr<int64_t> id = ParseId(request);
      if (!id.ok()) return Send(ErrorReply(id.status()), response);
      const absl::StatusOr<absl::Time> slot = ParseNewSlot(request.body);
      if (!slot.ok()) return Send(ErrorReply(slot.status()), response);
      RunWrite({"reschedule", absl::StrCat(request.path, "/", absl::FormatTime(*slot))}, request,
               response, [&](auto& tables) { return Changed(tables.Reschedule(*id, *slot)); });
    });
  }

  // The life of a write: its key, its latency with the commit early in it, its fault.
  void RunWrite(const Write& write, const Request& request, Response& response, Change change) {
    requests_.Add(write.kind);
    const std::string key = options_.keys == KeyMode::kHonour
                                ? request.get_header_value("Idempotency-Key")
                                : std::string();
    const std::string fingerprint = absl::StrCat(request.path, "\n", request.body);
    if (!key.empty()) {
      if (const std::optional<Reply> early = CheckKey(key, fingerprint)) {
        return Send(*early, response);
      }
    }
    const Fate fate = fates_.Deal(write.thing);
    if (fate.fault != Fault::kNone) faults_.Add(FaultName(fate.fault));
    const Reply reply = Apply(fate, key, fingerprint, change);
    if (!key.empty()) keys_.End(key);
    Deliver(fate.fault, reply, request, response);
  }

  // No value: go on, and call keys_.End().
  std::optional<Reply> CheckKey(const std::string& key, absl::string_view fingerprint) {
    const absl::StatusOr<KeyDesk::Check> check = keys_.Begin(key, fingerprint, absl::Now());
    if (!check.ok()) return ErrorReply(check.status());
    switch (check->verdict) {
      case KeyDesk::Verdict::kFresh: break;
      case KeyDesk::Verdict::kReplay:
        keyed_.Add("replayed");
        return Reply{check->recorded->status, check->recorded->body};
      case KeyDesk::Verdict::kInUse:
        keyed_.Add("in_use");
        return Reply{409, R"({"error":"key_in_use"})"};
      case KeyDesk::Verdict::kReused:
        keyed_.Add("reused");
        return Reply{422, R"({"error":"key_reused"})"};
    }
    return std::nullopt;
  }

  Reply Apply(const Fate& fate, const std::string& key, const std::string& fingerprint,
              Change change) {
    Sleep(fate.before_commit);
    if (fate.fault == Fault::kErrorBeforeCommit) return {503, R"({"error":"unavailable"})"};
    Reply reply = InTransaction([&](PracticeDb::Tables& tables) -> absl::StatusOr<Reply> {
      ONETAKE_ASSIGN_OR_RETURN(Reply done, change(tables));
      if (!key.empty()) {
        ONETAKE_RETURN_IF_ERROR(
            tables.Remember({key, fingerprint, done.status, done.body, absl::Now()}));
      }
      return done;
    });
    Sleep(fate.after_commit);
    return reply;
  }

  void Deliver(Fault fault, const Reply& reply, const Request& request, Response& response) {
    switch (fault) {
      case Fault::kNone:
      case Fault::kErrorBeforeCommit: return Send(reply, response);
      case Fault::kErrorAfterCommit: return Send({500, R"({"error":"internal"})"}, response);
      case Fault::kCommitThenStall: Sleep(options_.stall); return ResetConnection(request);
      case Fault::kCommitThenReset: return ResetConnection(request);
    }
  }

  absl::StatusOr<Reply> Stats(PracticeDb::Tables& tables) {
    ONETAKE_ASSIGN_OR_RETURN(const PracticeDb::Totals totals, tables.Count());
    const nlohmann::json stats = {{"rows", totals.rows},
                                  {"active", totals.active},
                                  {"duplicates", totals.duplicates},
                                  {"requests", requests_.Snapshot()},
                                  {"keys", keyed_.Snapshot()},
                                  {"faults", faults_.Snapshot()}};
    return Reply{200, stats.dump()};
  }

  Reply InTransaction(absl::FunctionRef<absl::StatusOr<Reply>(PracticeDb::Tables&)> work) {
    Reply reply;
    const absl::Status status = db_->Transact([&](PracticeDb::Tables& tables) -> absl::Status {
      ONETAKE_ASSIGN_OR_RETURN(reply, work(tables));
      return absl::OkStatus();
    });
    return status.ok() ? reply : ErrorReply(status);
  }

  void Sleep(absl::Duration duration) { stopping_.WaitForNotificationWithTimeout(duration); }

  const Options options_;
  int port_ = 0;
  std::unique_ptr<PracticeDb> db_;
  KeyDesk keys_;
  FateDealer fates_;
  Counters requests_;
  Counters keyed_;
  Counters faults_;
  absl::Notification stopping_;
  HttpServer server_;  // last: its threads use all of the above
};

PracticeApi::PracticeApi(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PracticeApi::~PracticeApi() = default;

absl::StatusOr<std::unique_ptr<PracticeApi>> PracticeApi::Start(const Options& options) {
  ONETAKE_ASSIGN_OR_RETURN(std::unique_ptr<PracticeDb> db, PracticeDb::Open(options.db_path));
  auto impl = std::make_unique<Impl>(options, std::move(db));
  ONETAKE_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<PracticeApi>(new PracticeApi(std::move(impl)));
}

int PracticeApi::port() const { return impl_->port(); }

}  // namespace onetake::dental
