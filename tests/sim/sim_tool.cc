#include "tests/sim/sim_tool.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/base/trace_context.h"

namespace onetake::sim {
namespace {

using Kind = Downstream::Response::Kind;

AttemptReport Failure(FailureKind failure, Reached reached, int status = 0) {
  return {.reached = reached, .failure = failure, .http_status = status};
}

AttemptReport Lost() { return Failure(FailureKind::kLost, Reached::kSomethingSent); }

AttemptReport ReportOf(const Downstream::Response& response) {
  AttemptReport report{.reached = Reached::kBodyComplete, .result_json = response.body};
  switch (response.kind) {
    case Kind::kDone: report.http_status = 200; break;
    case Kind::kAccepted:
      report.http_status = 202;
      report.job = response.body;
      report.result_json = "{}";
      break;
    case Kind::kTaken: report.failure = FailureKind::kDefiniteRefusal; break;
    case Kind::kGone: report.failure = FailureKind::kAlreadyGone; break;
    case Kind::kKeyInUse: report.failure = FailureKind::kKeyInUse; break;
    case Kind::kKeyReused: report.failure = FailureKind::kKeyReused; break;
  }
  if (report.failure.has_value()) report.http_status = 409;
  return report;
}

// Of several copies the first one may be what the last one is refused for, as an executor knows.
void DoubtRefusalOfCopy(AttemptReport& report) {
  report.resent = true;
  const bool refused =
      report.failure.has_value() &&
      (IsRefusal(*report.failure) || report.failure == FailureKind::kRefusedUnprocessed);
  if (refused) report.failure = FailureKind::kLost;
}

bool IsAmbiguous(const AttemptReport& report) {
  if (report.job.has_value()) return true;
  return report.failure.has_value() && MayHaveHappened(*report.failure);
}

std::string PlaceOf(const Json& arguments) {
  return absl::StrCat(SlotOf(arguments.value("slot_iso", "")), " ",
                      arguments.value("provider_id", ""));
}

// The place that a look-up of onetaked's own is about.
std::string LookOf(const std::string& tool, const Json& arguments) {
  if (tool == kLookUp || IsBooking(tool)) return "";
  if (tool != kStanding) return PlaceOf(arguments);
  return absl::StrCat(kStanding, " ", SlotOf(arguments.value("slot_iso", "")), " ",
                      arguments.value("patient_id", ""));
}

}  // namespace

absl::StatusOr<std::string> SimTool::Render(const Tool& tool, const Json& arguments,
                                            absl::string_view key) const {
  // A later version makes other bytes of the same.
  return DumpJson(Json{{"tool", tool.name},
                       {"arguments", arguments},
                       {"key", std::string(key)},
                       {"by", tool.version}});
}

AttemptId SimTool::Start(const std::shared_ptr<const Tool>& tool, AttemptRequest request,
                         Done done) {
  const AttemptId id{++next_};
  const Json rendered = Json::parse(request.rendered);
  const std::string key = rendered["key"].get<std::string>();
  running_[id] = {std::move(done), key, LookOf(tool->name, rendered["arguments"]),
                  world_.loop.Elapsed()};
  ++world_.tally.attempts;
  world_.trace.Note("send ", tool->name, " key ", key, " attempt ", request.number);
  if (tool->effect == Effect::kRead) {
    // R19: what was claimed as a write is none of that tool's any more.
    if (!key.empty()) world_.Fail("R19: key ", key, " of ", tool->name, " is sent as a READ");
    StartRead(id, rendered, request.timeout);
  } else {
    CheckSend(*tool, rendered, request);
    StartWrite(id, rendered, request);
  }
  AttemptReport timeout = Lost();
  timeout.timed_out = true;
  ReportLater(id, request.timeout, std::move(timeout));
  return id;
}

// Whether a look-up has shown since the last doubt that it has not happened.
bool SimTool::WasShownNotDone(const Tool& tool, const Json& arguments, const SentLog::Key& sent) {
  const bool books = IsBooking(tool.name);
  const std::string patient = absl::StrCat("\"", arguments.value("patient_id", ""), "\"");
  const std::vector<SentLog::Look>& looks =
      log_.looks[LookOf(books ? "find" : kStanding, arguments)];
  return std::any_of(looks.begin(), looks.end(), [&](const SentLog::Look& look) {
    const bool not_done = books ? look.body.find(patient) == std::string::npos
                                : look.body.find("false") != std::string::npos;
    return look.at >= sent.ambiguous_at && not_done;
  });
}

// I4: by what the API is, and by what was declared when it was claimed, whatever is declared now.
bool SimTool::MayRepeat(const Tool& tool, const Json& arguments, const SentLog::Key& sent) {
  const Nature nature = NatureOf(tool.name);
  const bool repeats_itself = !IsBooking(tool.name) && !CancelsByIdentity(nature);
  if (repeats_itself) return true;
  const absl::Duration age = world_.loop.Elapsed() - sent.first_at - world_.set_back;
  const RetrySafety& declared = sent.declared;
  if (declared.keyed && HonoursKeys(nature) && age <= declared.key_retention) return true;
  if (declared.natural && nature == Nature::kNatural) return true;
  return declared.probed && WasShownNotDone(tool, arguments, sent);
}

void SimTool::CheckSend(const Tool& tool, const Json& rendered, const AttemptRequest& request) {
  const std::string key = rendered["key"].get<std::string>();
  SentLog::Key& sent = log_.keys[key];
  if (sent.open) world_.Fail("R4: key ", key, " is sent twice at a time");
  if (sent.ambiguous && !MayRepeat(tool, rendered["arguments"], sent)) {
    world_.Fail("I4: key ", key, " of ", tool.name, " is sent again although it may have happened");
  }
  if (!sent.rendered.empty() && sent.rendered != request.rendered) {
    world_.Fail("R11: key ", key, " is sent as ", request.rendered, " after ", sent.rendered);
  }
  if (sent.sends++ == 0) {
    sent.declared = tool.safety;
    sent.first_at = world_.loop.Elapsed();
  }
  sent.rendered = request.rendered;
  sent.open = true;
  sent.wish = Downstream::WishOf(rendered["arguments"]);
  // Whoever denies what is in a queue is wrong, and nobody can help them.
  const bool is_queued = NatureOf(tool.name) == Nature::kJob || downstream_.MayStillLand(key);
  if (sent.sends > 1 && !is_queued && world_.chance.Is(world_.faults.hasty)) {
    world_.loop.After(world_.chance.Time(absl::ZeroDuration(), absl::Milliseconds(300)),
                      [&world = world_, key] { world.judge(key); });
  }
  sent.appointment = rendered["arguments"].value("appointment_id", 0);
  downstream_.NoteSent(key);
  on_send_(key, request.number);
}

void SimTool::StartRead(AttemptId id, const Json& rendered, absl::Duration timeout) {
  Chance& chance = world_.chance;
  const absl::Duration there = chance.Time(absl::Milliseconds(5), absl::Milliseconds(300));
  if (chance.Is(world_.faults.read_fails)) {
    world_.Hit("read fails");
    const bool slow = chance.Is(0.5);
    ReportLater(
        id, slow ? timeout : there,
        Failure(slow ? FailureKind::kLost : FailureKind::kServerError, Reached::kSomethingSent));
    return;
  }
  world_.loop.After(there, [this, weak = weak_from_this(), id, rendered] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    const Downstream::Response response =
        downstream_.Read(rendered["tool"].get<std::string>(), rendered["arguments"]);
    const bool slow = world_.chance.Is(world_.faults.slow);
    ReportLater(id,
                world_.chance.Time(absl::Milliseconds(1),
                                   slow ? absl::Seconds(3) : absl::Milliseconds(100)),
                ReportOf(response));
  });
}

void SimTool::StartWrite(AttemptId id, const Json& rendered, const AttemptRequest& request) {
  const Faults& faults = world_.faults;
  Chance& chance = world_.chance;
  const absl::Duration soon = chance.Time(absl::Milliseconds(5), absl::Milliseconds(400));
  const auto fails = [&](const char* name, AttemptReport report) {
    world_.Hit(name);
    ReportLater(id, soon, std::move(report));
  };
  if (chance.Is(faults.not_sent)) {
    return fails("not sent", Failure(FailureKind::kNotSent, Reached::kNothingSent));
  }
  if (chance.Is(faults.throttled)) {
    AttemptReport report = Failure(FailureKind::kRefusedUnprocessed, Reached::kBodyComplete, 429);
    if (chance.Is(0.5)) {
      report.retry_after = chance.Time(absl::Milliseconds(100), absl::Seconds(8));
    }
    return fails("throttled", std::move(report));
  }
  if (chance.Is(faults.error_before)) {
    return fails("5xx without effect",
                 Failure(FailureKind::kServerError, Reached::kBodyComplete, 503));
  }
  if (chance.Is(faults.refused)) {
    AttemptReport report = Failure(FailureKind::kDefiniteRefusal, Reached::kBodyComplete, 422);
    report.result_json = R"({"error":"closed"})";
    return fails("refused", std::move(report));
  }
  if (chance.Is(faults.lost_request)) {
    world_.Hit("request lost");
    if (chance.Is(0.5)) ReportLater(id, soon, Lost());
    return;
  }
  Land(id, rendered, request);
}

// From here on it lands, whatever becomes of its sender.
void SimTool::Land(AttemptId id, const Json& rendered, const AttemptRequest& request) {
  const Faults& faults = world_.faults;
  Chance& chance = world_.chance;
  absl::Duration lands = chance.Time(absl::Milliseconds(5), absl::Milliseconds(300));
  absl::Duration takes = chance.Time(absl::Milliseconds(1), absl::Milliseconds(500));
  if (chance.Is(faults.slow)) {
    world_.Hit("slow");
    takes = chance.Time(std::min(absl::Seconds(1), request.timeout * 0.6), request.timeout * 0.6);
  }
  if (chance.Is(faults.late)) {
    world_.Hit("late");
    lands = chance.Time(lands, request.timeout * 0.4);
    takes = chance.Time(std::min(takes, request.timeout * 0.58), request.timeout * 0.58);
    if (chance.Is(0.5)) ReportLater(id, chance.Time(absl::Milliseconds(5), lands), Lost());
  }
  const bool garbage = chance.Is(faults.garbage);
  const bool loses_reply = chance.Is(faults.lost_reply);
  const bool errs = !loses_reply && chance.Is(faults.error_after);
  // An API whose answer is an error although it has done it may not have kept the key either; a
  // unique slot then keeps it from doing it twice.
  const bool forgets = errs && faults.unique_slots && chance.Is(0.5);
  const int copies =
      request.transport_resend == TransportResend::kAllowed && chance.Is(faults.twice) ? 2 : 1;
  if (copies > 1) world_.Hit("sent twice by the transport");
  const absl::Duration back = chance.Time(absl::Milliseconds(1), absl::Milliseconds(200));
  const std::string key = rendered["key"].get<std::string>();
  const std::optional<TraceContext> trace = ParseTraceparent(request.traceparent);
  const Downstream::Request arrived{rendered["tool"].get<std::string>(), rendered["arguments"], key,
                                    request.rendered, trace ? trace->trace_id : ""};
  for (int copy = 1; copy <= copies; ++copy) {
    const bool last = copy == copies;
    downstream_.NoteOnItsWay(key);
    world_.loop.After(
        lands + (copy - 1) * absl::Milliseconds(50),
        [this, weak = weak_from_this(), id, arrived, takes, garbage, loses_reply, errs, forgets,
         back, last, copies, &downstream = downstream_, &world = world_] {
          downstream.NoteLanded(arrived.key);
          downstream.Receive(
              arrived, takes,
              forgets ? Downstream::Memory::kForgetful : Downstream::Memory::kRemembers,
              [this, weak, id, garbage, loses_reply, errs, back, last, copies,
               &world](const Downstream::Response& response) {
                const auto self = weak.lock();
                if (self == nullptr || !last) return;
                AttemptReport report = ReportOf(response);
                if (copies > 1) DoubtRefusalOfCopy(report);
                if (loses_reply) {
                  world.Hit("reply lost");
                  if (world.chance.Is(0.5)) return;  // noticed by its timeout
                  report = Lost();
                } else if (errs) {
                  world.Hit("5xx after the effect");
                  report = Failure(FailureKind::kServerError, Reached::kBodyComplete, 500);
                } else if (garbage && response.kind == Kind::kDone) {
                  world.Hit("unreadable body");
                  report = Failure(FailureKind::kBodyUnreadable, Reached::kStatusSeen, 200);
                }
                ReportLater(id, back, std::move(report));
              });
        });
  }
}

void SimTool::ReportLater(AttemptId id, absl::Duration after, AttemptReport report) {
  program_.RunAfter(
      after, [this, id, report = std::move(report)]() mutable { Finish(id, std::move(report)); });
}

void SimTool::Finish(AttemptId id, AttemptReport report) {
  auto node = running_.extract(id);
  if (node.empty()) return;
  Attempt& attempt = node.mapped();
  report.latency = world_.loop.Elapsed() - attempt.began;
  if (!attempt.key.empty()) {
    SentLog::Key& sent = log_.keys[attempt.key];
    sent.open = false;
    const bool done = !report.failure.has_value() && !report.job.has_value();
    // Its record may wait for a disk that is full.
    if (done && sent.denied) {
      program_.RunAfter(absl::Minutes(5),
                        [&log = log_, key = attempt.key] { log.keys[key].heard = true; });
    }
    if (IsAmbiguous(report)) {
      sent.ambiguous = true;
      sent.ambiguous_at = world_.loop.Elapsed();
    }
  } else if (!report.failure.has_value() && !attempt.look.empty()) {
    log_.looks[attempt.look].push_back({world_.loop.Elapsed(), report.result_json});
  }
  world_.trace.Note("report ", attempt.key, " ",
                    report.failure.has_value() ? ToString(*report.failure) : "success", " ",
                    report.result_json);
  attempt.done(std::move(report));
}

void SimTool::Cancel(AttemptId id) {
  program_.Post([this, id] { Finish(id, Lost()); });
}

}  // namespace onetake::sim
