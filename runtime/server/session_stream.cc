#include "runtime/server/session_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "runtime/base/status.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/guidance.h"
#include "runtime/engine/guidance_texts.h"
#include "runtime/server/call_limits.h"
#include "runtime/server/convert.h"
#include "runtime/server/language.h"
#include "runtime/server/session_hub.h"

namespace onetake {
namespace {

constexpr int kBargeInsASecond = 50;
constexpr size_t kMostTurns = 16;  // that are told apart where an intent is open

// Whether it is what became of the write, which the next turn may want to tell.
bool IsOutcome(Disposition disposition) {
  return disposition == Disposition::kDone || disposition == Disposition::kRejected ||
         disposition == Disposition::kNeedsReview;
}

}  // namespace

SessionStream::SessionStream(SessionHub& hub, Caller caller, Writer& writer)
    : hub_(hub),
      caller_(std::move(caller)),
      writer_(&writer),
      feed_(hub.queries(), hub.engine(), hub.loop(), *this) {}

void SessionStream::AwaitOpen(StreamLimits::Place place) {
  place_ = std::move(place);
  first_message_ = hub_.loop().RunAfter(kFirstMessage, [self = weak_from_this()] {
    const auto stream = self.lock();
    if (stream == nullptr || stream->opened_) return;
    stream->End(WithDetail(absl::DeadlineExceededError("the first message, open, did not come"),
                           {.reason = "NO_OPEN", .safe_to_resend = true}));
  });
}

void SessionStream::OnRequest(const v1::SessionRequest& request) {
  if (writer_ == nullptr) return;
  if (!opened_) {
    if (request.has_open()) return OnOpen(request.open());
    return End(BadField("open", "is required as the first message"));
  }
  if (!begun_) return Keep(&request);
  CheckCaller();
  if (writer_ == nullptr) return;
  switch (request.kind_case()) {
    case v1::SessionRequest::kExecute: return OnExecute(request.execute());
    case v1::SessionRequest::kBargeIn: return OnBargeIn(request.barge_in());
    case v1::SessionRequest::kOpen: return SendError("", BadField("open", "came twice"));
    case v1::SessionRequest::KIND_NOT_SET: break;
  }
  SendError("", BadField("kind", "must be execute or barge_in"));
}

void SessionStream::OnMalformed() {
  if (writer_ == nullptr) return;
  const absl::Status status =
      WithDetail(absl::InvalidArgumentError("the message is not an onetake.v1.SessionRequest: is "
                                            "every string in it UTF-8?"),
                 {.reason = "MALFORMED_REQUEST"});
  if (!opened_) return End(status);
  if (!begun_) return Keep(nullptr);
  SendError("", status);
}

void SessionStream::Keep(const v1::SessionRequest* request) {
  early_bytes_ += request == nullptr ? 0 : request->SpaceUsedLong();
  if (early_.size() < kMostEarly && early_bytes_ <= kMostEarlyBytes) {
    early_.push_back(request == nullptr ? std::nullopt : std::make_optional(*request));
    return;
  }
  End(WithDetail(absl::ResourceExhaustedError(
                     absl::StrCat("more than ", kMostEarly, " requests, or ", kMostEarlyBytes,
                                  " bytes of them, came before the stream has begun")),
                 {.reason = "OVERLOADED", .safe_to_resend = true, .retry_after_ms = 500}));
}

void SessionStream::OnOpen(const v1::SessionOpen& open) {
  if (open.session_id().empty()) return End(BadField("session_id", "is required"));
  if (absl::Status status = CheckLength("session_id", open.session_id(), limits::kIdBytes);
      !status.ok()) {
    return End(status);
  }
  if (absl::Status status = CheckLanguage(open.language()); !status.ok()) return End(status);
  if (open.after_seq() < 0) return End(BadField("after_seq", "must not be negative"));
  hub_.loop().Cancel(first_message_);
  opened_ = true;
  session_id_ = open.session_id();
  language_ = open.language();
  hub_.Enter(session_id_, shared_from_this());
  feed_.Begin(tenant(), session_id_,
              open.has_after_seq() ? std::make_optional(open.after_seq()) : std::nullopt);
}

void SessionStream::OnPosition(int64_t seq) {
  begun_ = true;
  v1::SessionEvent event;
  event.set_seq(seq);
  event.mutable_opened();
  Send(std::move(event));
  for (const std::optional<v1::SessionRequest>& request : early_) {
    request.has_value() ? OnRequest(*request) : OnMalformed();
  }
  // The requests are cleared only now: until then, a peer that asks for nothing more still waits
  // for answers.
  early_.clear();
}

absl::Status SessionStream::CheckExecute(const v1::SessionExecute& execute) const {
  if (execute.request_id().empty()) return BadField("request_id", "is required");
  ONETAKE_RETURN_IF_ERROR(CheckLength("request_id", execute.request_id(), limits::kIdBytes));
  if (requests_.contains(execute.request_id())) {
    return BadField("request_id", "is that of a request without a result");
  }
  ONETAKE_RETURN_IF_ERROR(CheckLanguage(execute.call().language()));
  const std::string& session_id = execute.call().session_id();
  if (!session_id.empty() && session_id != session_id_) {
    return BadField("call.session_id", "is not that of the stream");
  }
  // A result that waits for the end of the history is none yet.
  if (requests_.size() + feed_.waiting() < kMostRequests) return absl::OkStatus();
  return WithDetail(
      absl::ResourceExhaustedError(
          absl::StrCat("more than ", kMostRequests, " requests of this stream have no result yet")),
      {.reason = "OVERLOADED", .safe_to_resend = true, .retry_after_ms = 500});
}

void SessionStream::OnExecute(const v1::SessionExecute& execute) {
  if (absl::Status status = CheckExecute(execute); !status.ok()) {
    return SendError(execute.request_id(), status);
  }
  if (absl::Status room = hub_.options().unread.Admit(tenant()); !room.ok()) {
    return SendError(execute.request_id(), room);
  }
  absl::StatusOr<CallLimits::Place> place = hub_.options().limits.Enter(tenant());
  if (!place.ok()) return SendError(execute.request_id(), place.status());
  const std::string& request_id = execute.request_id();
  ToolCall call = ToToolCall(execute.call(), caller_.principal);
  call.session_id = session_id_;
  if (!call.trace.has_value()) call.trace = caller_.trace;
  AddRequest(request_id, call,
             execute.call().language().empty() ? language_ : execute.call().language());
  Follow(request_id, call);
  hub_.engine().Execute(std::move(call),
                        [self = weak_from_this(), request_id,
                         place = *std::move(place)](absl::StatusOr<Answer> answer) mutable {
                          place.Release();
                          if (const auto stream = self.lock())
                            stream->OnAnswer(request_id, std::move(answer));
                        });
}

void SessionStream::AddRequest(const std::string& request_id, const ToolCall& call,
                               const std::string& language) {
  Request& request = requests_[request_id];
  request.turn_id = call.turn_id;
  // The barge-in may have come before the call, or on an earlier stream.
  request.discarded = hub_.engine().IsDiscarded(tenant(), session_id_, call.turn_id);
  request.tool = call.tool;
  request.language = language;
  const bool allowed = call.allowed_tools == nullptr || call.allowed_tools->count(call.tool) != 0;
  if (allowed) request.called = hub_.options().tools.Get()->Find(call.tool);
  if (request.called == nullptr) return;
  request.filler =
      hub_.loop().RunAfter(request.called->timeouts.filler, [self = weak_from_this(), request_id] {
        if (const auto stream = self.lock()) stream->SendFiller(request_id);
      });
}

void SessionStream::Follow(const std::string& request_id, ToolCall& call) {
  call.on_accepted = [self = weak_from_this(), request_id](const IntentView& intent) {
    const auto stream = self.lock();
    if (stream == nullptr) return;
    v1::SessionEvent event;
    event.set_request_id(request_id);
    Fill(intent, *event.mutable_accepted()->mutable_intent());
    stream->Send(std::move(event));
  };
  call.on_progress = [self = weak_from_this(), request_id](const AttemptProgress& progress) {
    if (const auto stream = self.lock()) stream->OnProgress(request_id, progress);
  };
}

void SessionStream::SendFiller(const std::string& request_id) {
  const auto request = requests_.find(request_id);
  if (request == requests_.end() || request->second.discarded) return;
  request->second.filler = Scheduler::TimerId::kNone;
  v1::SessionEvent event;
  event.set_request_id(request_id);
  event.mutable_progress()->set_say(
      SpokenTexts(Situation::kPending, request->second.language, request->second.called.get()).say);
  Send(std::move(event));
}

void SessionStream::OnProgress(const std::string& request_id, const AttemptProgress& progress) {
  const auto request = requests_.find(request_id);
  if (request == requests_.end() || request->second.discarded) return;
  if (request->second.pause != Scheduler::TimerId::kNone) {
    request->second.progress = progress;
    return;
  }
  request->second.pause =
      hub_.loop().RunAfter(kProgressPause, [self = weak_from_this(), request_id] {
        const auto stream = self.lock();
        if (stream == nullptr) return;
        const auto waiting = stream->requests_.find(request_id);
        if (waiting == stream->requests_.end()) return;
        waiting->second.pause = Scheduler::TimerId::kNone;
        if (const auto latest = std::exchange(waiting->second.progress, std::nullopt)) {
          stream->OnProgress(request_id, *latest);
        }
      });
  SendProgress(request_id, progress);
}

void SessionStream::SendProgress(const std::string& request_id, const AttemptProgress& progress) {
  v1::SessionEvent event;
  event.set_request_id(request_id);
  event.mutable_progress()->set_detail(progress.text);
  event.mutable_progress()->set_progress(progress.progress);
  event.mutable_progress()->set_total(progress.total);
  Send(std::move(event));
}

void SessionStream::OnAnswer(const std::string& request_id, absl::StatusOr<Answer> answer) {
  auto node = requests_.extract(request_id);
  if (node.empty()) return;
  Request& request = node.mapped();
  hub_.loop().Cancel(request.filler);
  hub_.loop().Cancel(request.pause);
  if (!answer.ok()) {
    SendError(request_id, answer.status());
    return EndIfDone();
  }
  SpeakIn(request.language, request.called.get(), *answer);
  request.discarded = request.discarded || answer->discarded;
  v1::SessionEvent event;
  event.set_request_id(request_id);
  const std::string intent_id = answer->intent.has_value() ? answer->intent->id : "";
  const bool open = IsOpen(answer->disposition);
  if (!intent_id.empty() && open) {
    NoteOpen(
        intent_id,
        {.request_id = request_id, .turn_id = request.turn_id, .discarded = request.discarded});
  } else if (answer->seq != 0) {
    event.set_seq(answer->seq);
  }
  const bool for_next_turn =
      request.discarded && !intent_id.empty() && IsOutcome(answer->disposition);
  if (for_next_turn) {
    event.mutable_settled()->set_tool(request.tool);
    const Wanting* other = FindWanting(intent_id);
    if (other == nullptr || other->discarded) {
      event.mutable_settled()->set_discarded_turn(request.turn_id);
    }
    Fill(*answer, *event.mutable_settled()->mutable_response());
  } else {
    if (request.discarded) answer->guidance.say.clear();
    Fill(*answer, *event.mutable_result());
  }
  // What was recorded before this call may be in the history that is still told.
  if (event.seq() != 0 || (answer->replayed && !intent_id.empty())) {
    feed_.AddResult(std::move(event));
  } else {
    Send(std::move(event));
  }
  EndIfDone();
}

void SessionStream::NoteOpen(const std::string& intent_id, Wanting wanting) {
  AllWanting& all = open_[intent_id];
  std::erase_if(all, [&wanting](const Wanting& one) { return one.turn_id == wanting.turn_id; });
  if (all.size() == kMostTurns) {
    // A request without a turn, which is never discarded, stands for those that are left out.
    all.pop_back();
    wanting = {.request_id = std::move(wanting.request_id)};
  }
  all.push_back(std::move(wanting));
  hub_.Expect(intent_id, shared_from_this());
}

const SessionStream::Wanting* SessionStream::FindWanting(const std::string& intent_id) const {
  const auto open = open_.find(intent_id);
  if (open == open_.end()) return nullptr;
  const AllWanting& all = open->second;
  const auto last = std::find_if(all.rbegin(), all.rend(),
                                 [](const Wanting& wanting) { return !wanting.discarded; });
  return last != all.rend() ? &*last : &all.back();
}

void SessionStream::OnHalfClosed() {
  half_closed_ = true;
  if (writer_ != nullptr) EndIfDone();
}

void SessionStream::EndIfDone() {
  const bool answered = requests_.empty() && early_.empty();
  // A peer that only fetches what it has missed has no request, and is told all of it first.
  if (half_closed_ && answered && (feed_.live() || !opened_)) End(absl::OkStatus());
}

absl::Status SessionStream::CheckBargeIn(const v1::BargeIn& barge_in) {
  if (barge_in.turn_id().empty()) return BadField("turn_id", "is required");
  ONETAKE_RETURN_IF_ERROR(CheckLength("turn_id", barge_in.turn_id(), limits::kIdBytes));
  if (barge_ins_++ == 0) {
    hub_.loop().RunAfter(absl::Seconds(1), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->barge_ins_ = 0;
    });
  }
  if (barge_ins_ <= kBargeInsASecond) return absl::OkStatus();
  return RefusedForNow("TOO_MANY_BARGE_INS", "nobody interrupts that often", absl::Seconds(1));
}

void SessionStream::OnBargeIn(const v1::BargeIn& barge_in) {
  if (const absl::Status status = CheckBargeIn(barge_in); !status.ok()) {
    return SendError("", status);
  }
  for (auto& [id, request] : requests_) {
    if (request.turn_id == barge_in.turn_id()) request.discarded = true;
  }
  for (auto& [id, all] : open_) {
    for (Wanting& wanting : all) {
      if (wanting.turn_id == barge_in.turn_id()) wanting.discarded = true;
    }
  }
  const Engine::Discarded discarded =
      hub_.engine().DiscardTurn(tenant(), session_id_, barge_in.turn_id());
  v1::SessionEvent event;
  event.mutable_discarded()->set_turn_id(barge_in.turn_id());
  event.mutable_discarded()->set_reads(discarded.reads);
  event.mutable_discarded()->set_withdrawn(discarded.withdrawn);
  Send(std::move(event));
}

void SessionStream::OnSettled(const IntentRecord& record, const Answer& answer) {
  if (writer_ == nullptr || record.tenant != tenant()) return;
  const bool own = record.session_id == session_id_;
  if (!own && !Awaits(record.intent_id)) return;
  feed_.Add({record.last_seq, record.tool, record.intent_id, answer, own});
}

void SessionStream::OnResult(v1::SessionEvent result) {
  const v1::ExecuteResponse& response =
      result.has_settled() ? result.settled().response() : result.result();
  if (result.seq() != 0) open_.erase(response.intent().id());
  Send(std::move(result));
}

void SessionStream::OnOutcome(SettledFeed::Outcome outcome) {
  Answer& answer = outcome.answer;
  v1::SessionEvent event;
  event.set_seq(outcome.seq);
  event.mutable_settled()->set_tool(outcome.tool);
  if (const Wanting* wanting = FindWanting(outcome.intent_id); wanting != nullptr) {
    event.set_request_id(wanting->request_id);
    if (wanting->discarded) event.mutable_settled()->set_discarded_turn(wanting->turn_id);
    open_.erase(outcome.intent_id);
  }
  // The turn may have been discarded on an earlier stream of this session.
  if (event.settled().discarded_turn().empty() && answer.intent.has_value()) {
    event.mutable_settled()->set_discarded_turn(
        hub_.engine().DiscardedTurnOf(tenant(), answer.intent->id, answer.intent->generation));
  }
  SpeakIn(language_, hub_.options().tools.Get()->Find(outcome.tool).get(), answer);
  Fill(answer, *event.mutable_settled()->mutable_response());
  Send(std::move(event));
}

void SessionStream::SendError(const std::string& request_id, const absl::Status& status) {
  v1::SessionEvent event;
  event.set_request_id(request_id);
  v1::SessionError& error = *event.mutable_error();
  error.set_code(static_cast<int>(status.code()));
  error.set_message(std::string(status.message()));
  Fill(status, *error.mutable_detail());
  Send(std::move(event));
}

void SessionStream::Send(v1::SessionEvent event) {
  if (writer_ == nullptr || writer_->Send(event)) return;
  End(WithDetail(absl::ResourceExhaustedError(
                     "the stream is read too slowly; open another one with the last seq"),
                 {.reason = "SLOW_READER", .safe_to_resend = true}));
}

void SessionStream::End(absl::Status status) {
  const std::shared_ptr<SessionStream> self = shared_from_this();
  Writer* writer = std::exchange(writer_, nullptr);
  feed_.Stop();
  hub_.Leave(session_id_, this);
  place_.Release();
  for (auto& [id, request] : requests_) {
    hub_.loop().Cancel(request.filler);
    hub_.loop().Cancel(request.pause);
  }
  if (writer != nullptr) writer->End(std::move(status));
}

void SessionStream::OnClosed() {
  const std::shared_ptr<SessionStream> self = shared_from_this();
  writer_ = nullptr;
  hub_.loop().Cancel(first_message_);
  End(absl::OkStatus());
}

void SessionStream::CheckCaller() {
  if (writer_ == nullptr || caller_.still_allowed == nullptr) return;
  if (absl::Status status = caller_.still_allowed(); !status.ok()) End(std::move(status));
}

void SessionStream::EndTakenOver() {
  v1::SessionEvent event;
  event.mutable_ended()->set_reason("taken_over");
  Send(std::move(event));
  End(absl::OkStatus());
}

void SessionStream::EndOverloaded(const absl::Status& why) { End(why); }

void SessionStream::EndDraining() {
  End(WithDetail(absl::UnavailableError("the server is stopping: once it is back, open another "
                                        "stream here, with the last seq"),
                 {.reason = "DRAINING", .safe_to_resend = true, .retry_after_ms = 1000}));
}

}  // namespace onetake
