#include "tests/sim/conversation.h"

#include <utility>

#include "absl/strings/str_format.h"

namespace onetake::sim {
namespace {

// Whoever calls onetaked expects an answer by then, whatever happens.
constexpr absl::Duration kAnswerWithin = absl::Seconds(5);  // besides the patience
constexpr absl::Duration kSlack = absl::Seconds(1);
// What onetake promises, with what it takes to say it.
constexpr absl::Duration kGrace = absl::Seconds(1);  // of a write, besides the patience
constexpr absl::Duration kTells = absl::Milliseconds(100);
constexpr double kRepeats = 0.1;  // how often something old comes again

}  // namespace

Conversation::Conversation(World& world, History& history, Downstream& downstream, Running running,
                           std::string tenant, std::string session, uint64_t seed)
    : world_(world),
      history_(history),
      downstream_(downstream),
      running_(std::move(running)),
      tenant_(std::move(tenant)),
      session_(std::move(session)),
      chance_(seed, 7) {}

void Conversation::Begin() {
  ++world_.tally.conversations;
  wishes_left_ = static_cast<int>(chance_.Int(1, 4));
  NextWish();
}

void Conversation::NextWish() {
  // Nothing is waited for any more.
  ++step_;
  ++exchange_;
  if (chance_.Is(kRepeats)) RepeatSomething();
  if (wishes_left_-- == 0) {
    over_ = true;
    return;
  }
  Wish wish = MakeWish();
  if (chance_.Is(world_.faults.taken_by_others)) {
    downstream_.BookForOthers(wish.slot, wish.provider);
  }
  wish_ = wish.id;
  if (wish.id == std::ssize(history_.wishes())) history_.wishes().push_back(std::move(wish));
  calls_left_ = static_cast<int>(chance_.Int(2, 8));
  ++turns_;
  SayNext(chance_.Time(absl::Milliseconds(10), absl::Seconds(20)), [this] { BookOrCancel(0.1); });
}

// A new one, or one that another conversation has as well.
Wish Conversation::MakeWish() {
  Wish wish;
  wish.id = static_cast<int>(history_.wishes().size());
  wish.tenant = tenant_;
  wish.session = session_;
  wish.nature = kNatures[chance_.Int(0, std::ssize(kNatures) - 1)];
  wish.slot = static_cast<int>(chance_.Int(0, kSlots - 1));
  wish.provider = chance_.Is(0.5) ? "dr-kim" : "dr-lee";
  wish.patient = absl::StrCat("p", tenant_, "-", wish.id);
  // Near duplicates are of the same patient, and only these APIs' tools look for them.
  if (wish.nature == Nature::kProbed) wish.patient = absl::StrCat("p", tenant_, "-", session_);
  if (wish.nature == Nature::kRegular) wish.patient = absl::StrCat("p", tenant_, "-regular");
  const bool joins = IsShared(wish.nature) && chance_.Is(0.5);
  for (const Wish& other : history_.wishes()) {
    if (other.tenant != tenant_ || other.nature != wish.nature) continue;
    const bool is_same = other.slot == wish.slot && other.provider == wish.provider;
    if (joins || (is_same && wish.nature == Nature::kRegular)) {
      world_.Hit("wish shared");
      return other;
    }
    // Where the patient is a part of the identity, it is another intent.
    const bool in_scope = other.session == session_ || IsShared(wish.nature);
    if (is_same && in_scope && !CancelsByIdentity(wish.nature)) {
      wish.occurrence = other.occurrence + 1;
    }
  }
  // Of two wishes that are both in doubt, the look-up of the first finds what the second has made.
  if (wish.occurrence > 0 && wish.nature == Nature::kProbed) {
    wish.nature = Nature::kKeyed;
    wish.occurrence = 10 + wish.id % 900;
  }
  return wish;
}

void Conversation::SaySomething(absl::Duration after, std::function<void()> say) {
  world_.loop.After(after, [self = shared_from_this(), say = std::move(say)] { say(); });
}

void Conversation::SayNext(absl::Duration after, std::function<void()> say) {
  SaySomething(after, [this, step = ++step_, say = std::move(say)] {
    if (step == step_) say();
  });
}

Conversation::Saying Conversation::MakeBooking() {
  const Wish& wish = history_.wishes()[static_cast<size_t>(wish_)];
  Saying saying;
  saying.said.slot = wish.slot;
  saying.said.patient = wish.patient;
  saying.said.provider = wish.provider;
  saying.call.tool = absl::StrCat("book_", NameOf(wish.nature));
  saying.call.occurrence = wish.occurrence;
  const Json arguments{{"slot_iso", Spell(wish.slot, static_cast<int>(chance_.Int(0, 3)))},
                       {"provider_id", wish.provider},
                       {"patient_id", wish.patient},
                       {"notes", absl::StrCat("w", wish.id)}};
  saying.call.arguments_json = DumpJson(arguments);
  return saying;
}

Conversation::Saying Conversation::MakeCancellation() {
  const Wish& wish = history_.wishes()[static_cast<size_t>(wish_)];
  Saying saying;
  saying.said.appointment = wish.booked;
  saying.call.tool = absl::StrCat("cancel_", NameOf(wish.nature));
  Json arguments{{"appointment_id", wish.booked}};
  if (CancelsByIdentity(wish.nature)) {
    arguments = Json{{"slot_iso", Spell(wish.slot, static_cast<int>(chance_.Int(0, 3)))},
                     {"patient_id", wish.patient}};
  }
  arguments["notes"] = absl::StrCat("w", wish.id);
  saying.call.arguments_json = DumpJson(arguments);
  return saying;
}

Conversation::Saying Conversation::MakeRestoration() {
  const Wish& wish = history_.wishes()[static_cast<size_t>(wish_)];
  Saying saying = MakeCancellation();
  saying.said.appointment = wish.undone;
  saying.call.tool = absl::StrCat("restore_", NameOf(wish.nature));
  return saying;
}

void Conversation::Book() { Send(MakeBooking()); }

void Conversation::BookAgain() {
  Saying again = last_;
  again.said.answered = false;
  Send(std::move(again));
}

void Conversation::Drift() {
  Saying saying = MakeBooking();
  Json arguments = Json::parse(saying.call.arguments_json);
  if (CancelsByIdentity(NatureOf(saying.call.tool))) {
    saying.said.provider = saying.said.provider == "dr-kim" ? "dr-lee" : "dr-kim";
    arguments["provider_id"] = saying.said.provider;
  } else {
    saying.said.patient = absl::StrCat("p", tenant_, "-", wish_, "-other");
    arguments["patient_id"] = saying.said.patient;
  }
  saying.call.arguments_json = DumpJson(arguments);
  Send(std::move(saying));
}

void Conversation::Cancel() { Send(MakeCancellation()); }

// From now on a look-up may show what was cancelled.
void Conversation::Restore() {
  Saying saying = MakeRestoration();
  history_.wishes()[static_cast<size_t>(wish_)].undone = 0;
  Send(std::move(saying));
}

void Conversation::BookOrCancel(double cancels) {
  const Wish& wish = history_.wishes()[static_cast<size_t>(wish_)];
  if (CancelsByIdentity(wish.nature) && chance_.Is(cancels)) return Cancel();
  Book();
}

void Conversation::Send(Saying saying) {
  if (calls_left_-- <= 0) return NextWish();
  saying.said.wish = wish_;
  saying.said.tenant = tenant_;
  saying.said.session = session_;
  saying.said.tool = saying.call.tool;
  saying.said.sent_at = world_.loop.Elapsed();
  if (saying.call.tool_call_id.empty()) {
    saying.call.tool_call_id = absl::StrCat("toolu_", ++calls_);
    saying.said.first_said_at = saying.said.sent_at;
    saying.call.turn_id = absl::StrCat("turn-", turns_);
  }
  saying.said.tool_call_id = saying.call.tool_call_id;
  saying.call.tenant = tenant_;
  saying.call.session_id = session_;
  saying.call.attributes["caller_phone"] = history_.wishes()[static_cast<size_t>(wish_)].patient;
  const absl::Duration patience = chance_.Time(absl::Milliseconds(500), absl::Seconds(5));
  saying.call.patience = patience;
  saying.call.answer_within = patience + kAnswerWithin;
  if (saying.said.sent_at == saying.said.first_said_at) said_.push_back(saying);
  last_ = saying;
  const int exchange = ++exchange_;
  Deliver(std::make_shared<Saying>(saying), exchange);
  if (chance_.Is(0.15)) {
    // The same once more at the same time: of the same delivery, or in another one.
    auto twin = std::make_shared<Saying>(saying);
    if (chance_.Is(0.5)) {
      twin->call.tool_call_id = twin->said.tool_call_id = absl::StrCat("toolu_", ++calls_);
    }
    Deliver(twin, /*exchange=*/0);
  }
  if (chance_.Is(0.06)) Interrupt(saying.call.turn_id);
  if (chance_.Is(0.15)) LookUp(chance_.Time(absl::ZeroDuration(), absl::Seconds(2)));
}

void Conversation::LookUp(absl::Duration after) {
  SaySomething(after, [this] {
    const Wish& wish = history_.wishes()[static_cast<size_t>(wish_)];
    auto saying = std::make_shared<Saying>();
    saying->said = {.wish = wish_,
                    .tenant = tenant_,
                    .session = session_,
                    .tool = kLookUp,
                    .tool_call_id = absl::StrCat("toolu_look_", ++look_ups_),
                    .patient = wish.patient,
                    .provider = wish.provider,
                    .appointment = wish.booked,
                    .undone = wish.undone,
                    .sent_at = world_.loop.Elapsed()};
    const absl::Duration patience = chance_.Time(absl::Milliseconds(500), absl::Seconds(5));
    saying->call.tenant = tenant_;
    saying->call.tool = kLookUp;
    saying->call.arguments_json = DumpJson(Json{{"api", NameOf(wish.nature)},
                                                {"slot_iso", Spell(wish.slot, 0)},
                                                {"provider_id", wish.provider},
                                                {"patient_id", wish.patient}});
    saying->call.session_id = session_;
    saying->call.tool_call_id = saying->said.tool_call_id;
    saying->call.turn_id = absl::StrCat("turn-", turns_);
    saying->call.patience = patience;
    saying->call.answer_within = patience + kAnswerWithin;
    Deliver(saying, /*exchange=*/0);
  });
}

void Conversation::Interrupt(const std::string& turn) {
  SaySomething(chance_.Time(absl::ZeroDuration(), absl::Milliseconds(400)), [this, turn] {
    if (Server* server = running_(); server != nullptr) {
      world_.Hit("barge-in");
      server->engine().DiscardTurn(tenant_, session_, turn);
    }
  });
  ++turns_;
}

// What was said before may reach onetaked after what was said since.
void Conversation::NoteWanted(const Said& said) {
  const bool wants = IsBooking(said.tool) || IsRestoring(said.tool);
  if (wants) history_.wishes()[static_cast<size_t>(said.wish)].wanted_at = world_.loop.Elapsed();
}

// An exchange of 0 is of somebody who does not listen to the answer, but is owed one.
void Conversation::Deliver(const std::shared_ptr<Saying>& saying, int exchange) {
  ++world_.tally.calls;
  saying->said.life = 0;
  saying->said.trace = absl::StrFormat("%032x", ++world_.deliveries);
  saying->call.trace =
      TraceContext{.trace_id = saying->said.trace, .parent_id = "00000000000000a1"};
  NoteWanted(saying->said);
  const absl::Duration patience = *saying->call.patience;
  SaySomething(chance_.Time(absl::Microseconds(100), absl::Milliseconds(20)), [=, this] {
    Server* server = running_();
    if (server == nullptr) {
      return SaySomething(absl::Milliseconds(1), [=, this] {
        OnReply(saying, exchange, absl::UnavailableError("nobody listens"));
      });
    }
    saying->said.life = server->life();
    history_.OnDelivered(saying->said);
    world_.trace.Note("call ", tenant_, " ", session_, " ", saying->call.tool_call_id, " ",
                      saying->call.tool, " ", saying->call.arguments_json);
    server->engine().Execute(saying->call, [this, self = shared_from_this(), saying,
                                            exchange](absl::StatusOr<Answer> answer) {
      if (Server* server = running_(); server == nullptr || server->dead()) return;
      if (std::exchange(saying->said.answered, true)) {
        world_.Fail("I6: call ", saying->call.tool_call_id, " is answered twice");
      }
      SaySomething(chance_.Time(absl::Microseconds(100), absl::Milliseconds(20)),
                   [this, saying, exchange, answer = std::move(answer)] {
                     OnReply(saying, exchange, answer);
                   });
    });
    Expect(saying, patience + (saying->call.tool == kLookUp ? absl::ZeroDuration() : kGrace));
  });
  SaySomething(patience + kAnswerWithin + kSlack, [=, this] { GiveUp(saying, exchange); });
}

// I6: whoever has called a onetaked that still runs is answered in time, however slow its disk is.
void Conversation::Expect(const std::shared_ptr<Saying>& saying, absl::Duration within) {
  SaySomething(within + kTells, [this, saying] {
    const Server* server = running_();
    const bool runs = server != nullptr && !server->dead() && server->life() == saying->said.life;
    if (!runs || saying->said.answered) return;
    world_.Fail("I6: call ", saying->call.tool_call_id, " of ", saying->call.session_id,
                " has no answer by its deadline");
  });
}

void Conversation::GiveUp(const std::shared_ptr<Saying>& saying, int exchange) {
  if (saying->said.answered || exchange != exchange_) return;
  saying->said.answered = true;
  ++exchange_;
  if (chance_.Is(0.5)) return BookAgain();
  last_.call.tool_call_id.clear();
  BookAgain();
}

void Conversation::OnReply(const std::shared_ptr<Saying>& saying, int exchange,
                           absl::StatusOr<Answer> reply) {
  saying->said.answered = true;
  world_.trace.Note("told ", tenant_, " ", session_, " ", saying->call.tool_call_id, " ",
                    reply.ok() ? absl::StrCat(ToString(reply->disposition), " ", reply->reason, " ",
                                              reply->result_json)
                               : absl::StatusCodeToString(reply.status().code()));
  if (reply.ok()) history_.OnAnswer(saying->said, *reply);
  // Nobody has heard a call that nobody took.
  if (!reply.ok() && saying->said.life != 0) history_.OnStatus(saying->said, reply.status());
  if (reply.ok() && saying->insists) Insist(*saying, *reply);
  if (reply.ok() && saying->said.tool == kLookUp && saying->said.wish == wish_) {
    CancelIfFound(*reply);
  }
  if (exchange == 0 || exchange != exchange_) return;
  if (reply.ok()) return React(*saying, *reply);
  // Surely nothing was done: the same again, when it can be heard.
  ++calls_left_;
  if (calls_ > 60) return NextWish();
  ++calls_;
  SayNext(chance_.Time(absl::Milliseconds(200), absl::Seconds(20)), [this] { BookAgain(); });
}

void Conversation::React(const Saying& saying, const Answer& answer) {
  if (answer.intent.has_value()) intent_id_ = answer.intent->id;
  const absl::Duration thinks = chance_.Time(absl::Milliseconds(200), absl::Seconds(6));
  const bool in_doubt = answer.disposition == Disposition::kUncertain;
  if (in_doubt && chance_.Is(0.3)) LookUp(chance_.Time(absl::ZeroDuration(), absl::Seconds(2)));
  switch (answer.disposition) {
    case Disposition::kDone: return AfterDone(saying, answer);
    case Disposition::kPending:
    case Disposition::kUncertain:
      return SayNext(thinks, [this] {
        const double what = chance_.Share();
        const bool cancels = CancelsByIdentity(NatureOf(last_.call.tool));
        if (cancels && chance_.Is(0.25)) return IsBooking(last_.call.tool) ? Cancel() : Book();
        if (what < 0.4) return Wait();
        if (what < 0.6) return BookAgain();
        if (what < 0.9 || !IsBooking(last_.call.tool)) {
          last_.call.tool_call_id.clear();
          return BookAgain();
        }
        Drift();
      });
    case Disposition::kNeedsConfirmation:
      ++turns_;
      if (chance_.Is(0.2)) break;
      return SayNext(thinks, [this, token = answer.confirm_token] {
        last_.call.tool_call_id.clear();
        last_.call.confirm_token = token;
        BookAgain();
      });
    case Disposition::kRejected:
    case Disposition::kWithdrawn:
    case Disposition::kFailed:
    case Disposition::kInvalid:
    case Disposition::kConflict:
    case Disposition::kNeedsReview:
      if (chance_.Is(0.5)) break;
      ++turns_;
      return SayNext(thinks * chance_.Int(1, 100), [this] { BookOrCancel(0.2); });
  }
  NextWish();
}

void Conversation::AfterDone(const Saying& saying, const Answer& answer) {
  Wish& wish = history_.wishes()[static_cast<size_t>(wish_)];
  if (saying.said.wish != wish_) return NextWish();
  const absl::Duration thinks = chance_.Time(absl::Milliseconds(200), absl::Seconds(30));
  ++turns_;
  if (chance_.Is(kRepeats)) RepeatSomething();
  if (chance_.Is(0.3)) LookUp(chance_.Time(absl::ZeroDuration(), absl::Seconds(1)));
  if (IsRestoring(answer.tool)) {
    wish.booked = saying.said.appointment;
    return SayNext(thinks, [this] { BookOrCancel(0.4); });
  }
  if (!IsBooking(answer.tool)) {
    wish.cancel_told_at = world_.loop.Elapsed();
    wish.unwanted_at = saying.said.sent_at;
    wish.undone = saying.said.appointment;
    if (wish.booked == wish.undone) wish.booked = 0;
    if (chance_.Is(0.3)) return NextWish();
    if (wish.nature == Nature::kDesk && chance_.Is(0.4)) {
      return SayNext(thinks, [this] { Restore(); });
    }
    return SayNext(thinks, [this] { BookOrCancel(0.15); });
  }
  const absl::StatusOr<Json> result = ParseJson(answer.result_json, ResultLimits());
  if (result.ok() && result->is_object()) wish.booked = result->value("id", 0);
  const double what = chance_.Share();
  // What an API books by its nature, a late request books again after a cancellation.
  const bool can_cancel = wish.booked != 0 && wish.nature != Nature::kNatural;
  if (what < 0.15) return SayNext(thinks, [this] { BookAgain(); });
  if (what < 0.3) return SayNext(thinks, [this] { Book(); });
  if (what < 0.4) return SayNext(thinks, [this] { Drift(); });
  if (what < 0.75 && can_cancel) return SayNext(thinks, [this] { Cancel(); });
  NextWish();
}

void Conversation::CancelIfFound(const Answer& answer) {
  Wish& wish = history_.wishes()[static_cast<size_t>(wish_)];
  const bool names_it = wish.nature == Nature::kKeyed || wish.nature == Nature::kShort ||
                        wish.nature == Nature::kProbed || wish.nature == Nature::kJob ||
                        IsShared(wish.nature);
  if (over_ || !names_it || wish.booked != 0 || !chance_.Is(0.3)) return;
  const absl::StatusOr<Json> result = ParseJson(answer.result_json, ResultLimits());
  if (answer.disposition != Disposition::kDone || !result.ok()) return;
  for (const Json& row : result->value("found", Json::array())) {
    const Downstream::Effect* found = downstream_.ById(row.value("id", 0));
    if (found == nullptr || found->wish != wish_) continue;
    world_.Hit("cancelled by the caller's own look");
    wish.booked = found->id;
    SayNext(chance_.Time(absl::ZeroDuration(), absl::Seconds(2)), [this] { Cancel(); });
    return;
  }
}

void Conversation::Wait() {
  Server* server = running_();
  if (server == nullptr || intent_id_.empty()) return BookAgain();
  const int exchange = ++exchange_;
  auto saying = std::make_shared<Saying>(last_);
  saying->said.life = server->life();
  saying->said.answered = false;
  saying->said.patient.clear();
  const absl::Duration patience = chance_.Time(absl::Milliseconds(500), absl::Seconds(20));
  server->engine().Await(
      tenant_, intent_id_, 0, patience,
      [this, self = shared_from_this(), saying, exchange](absl::StatusOr<Answer> answer) {
        if (Server* server = running_(); server == nullptr || server->dead()) return;
        saying->said.answered = true;
        SaySomething(absl::Milliseconds(1), [this, saying, exchange, answer = std::move(answer)] {
          OnReply(saying, exchange, answer);
        });
      });
  Expect(saying, patience);
  SaySomething(patience + kAnswerWithin + kSlack, [=, this] { GiveUp(saying, exchange); });
}

}  // namespace onetake::sim
