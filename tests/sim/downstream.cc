#include "tests/sim/downstream.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "runtime/base/check.h"

namespace onetake::sim {
namespace {

using Kind = Downstream::Response::Kind;

std::string RowOf(const Downstream::Effect& effect) {
  return DumpJson(Json{{"id", effect.id},
                       {"patient_id", effect.patient},
                       {"provider_id", effect.provider},
                       {"slot", effect.slot}});
}

}  // namespace

int Downstream::WishOf(const Json& arguments) {
  int wish = 0;
  const std::string notes = arguments.value("notes", "");
  ONETAKE_CHECK(notes.size() > 1 && absl::SimpleAtoi(notes.substr(1), &wish));
  return wish;
}

const Downstream::Effect* Downstream::ByKey(const std::string& key) const {
  const Effect* last = nullptr;
  for (const Effect& effect : effects_) {
    const bool hides = last != nullptr && !last->undone_at.has_value();
    if (effect.key == key && !hides) last = &effect;
  }
  return last;
}

const Downstream::Effect* Downstream::ById(int id) const {
  return id >= 1 && id <= static_cast<int>(effects_.size()) ? &effects_[static_cast<size_t>(id - 1)]
                                                            : nullptr;
}

const Downstream::Effect* Downstream::UndoneBy(const std::string& key) const {
  const auto found = std::find_if(effects_.begin(), effects_.end(),
                                  [&](const Effect& effect) { return effect.undone_by == key; });
  return found == effects_.end() ? nullptr : &*found;
}

const std::string* Downstream::DoneFor(const std::string& trace) const {
  const auto found = done_for_.find(trace);
  return found == done_for_.end() ? nullptr : &found->second;
}

void Downstream::NoteDone(const Request& request) {
  if (!request.trace.empty()) done_for_[request.trace] = request.key;
}

void Downstream::ForgetSent(const std::set<std::string>& but) {
  std::erase_if(first_sent_, [&](const auto& sent) { return but.count(sent.first) == 0; });
}

void Downstream::BookForOthers(int slot, const std::string& provider) {
  if (world_.faults.unique_slots) booked_by_others_.emplace(slot, provider);
}

const Downstream::Effect* Downstream::ActiveAt(Nature nature, int slot,
                                               const std::string& provider) const {
  for (const Effect& effect : effects_) {
    if (effect.nature == nature && effect.slot == slot && effect.provider == provider &&
        !effect.undone_at.has_value()) {
      return &effect;
    }
  }
  return nullptr;
}

const Downstream::Effect* Downstream::ActiveOf(Nature nature, int slot,
                                               const std::string& patient) const {
  for (const Effect& effect : effects_) {
    if (effect.nature == nature && effect.slot == slot && effect.patient == patient &&
        !effect.undone_at.has_value()) {
      return &effect;
    }
  }
  return nullptr;
}

void Downstream::Receive(Request request, absl::Duration takes, Memory memory, Answer answer) {
  const Nature nature = NatureOf(request.tool);
  const auto entry = std::make_pair(nature, request.key);
  const bool keyed = HonoursKeys(nature) && (IsBooking(request.tool) || CancelsByIdentity(nature));
  const auto known = keys_.find(entry);
  if (keyed && known != keys_.end() &&
      world_.loop.Elapsed() < known->second.until + world_.set_back) {
    const Remembered& before = known->second;
    if (before.body != request.body) return answer({Kind::kKeyReused, "{}"});
    if (!before.response.has_value()) return answer({Kind::kKeyInUse, "{}"});
    world_.trace.Note("downstream replays ", request.key);
    return answer(*before.response);
  }
  if (keyed)
    keys_[entry] = {request.body, {}, world_.loop.Elapsed() + MemoryOf(nature, world_.faults)};
  NoteOnItsWay(request.key);
  world_.loop.After(takes, [this, request = std::move(request), entry, keyed, memory, nature,
                            answer = std::move(answer)] {
    NoteLanded(request.key);
    Response response = IsRestoring(request.tool)  ? Restore(request)
                        : !IsBooking(request.tool) ? Cancel(request)
                        : nature == Nature::kJob   ? StartJob(request)
                                                   : Book(request);
    if (keyed && memory == Memory::kForgetful) {
      keys_.erase(entry);
      forgotten_.insert(request.key);
    } else if (keyed) {
      keys_[entry].response = response;
    }
    answer(std::move(response));
  });
}

Downstream::Effect& Downstream::Make(const Request& request, Nature nature) {
  Effect effect;
  effect.id = static_cast<int>(effects_.size()) + 1;
  effect.nature = nature;
  effect.key = request.key;
  effect.wish = WishOf(request.arguments);
  effect.slot = SlotOf(request.arguments["slot_iso"].get<std::string>());
  effect.provider = request.arguments["provider_id"].get<std::string>();
  effect.patient = request.arguments["patient_id"].get<std::string>();
  effect.at = world_.loop.Elapsed();
  effect.body = RowOf(effect);
  world_.trace.Note("EFFECT ", effect.body, " wish ", effect.wish, " key ", effect.key);
  CheckMade(effect);
  effects_.push_back(effect);
  NoteDone(request);
  ++world_.tally.effects;
  return effects_.back();
}

// I1: by what the callers wanted, for whatever onetake thinks of it, that is a double booking; and
// by what is sent under one key, also when the first effect is gone by now.
void Downstream::CheckMade(const Effect& effect) {
  for (const Effect& other : effects_) {
    if (other.wish == effect.wish && !other.undone_at.has_value()) {
      world_.Fail("I1: wish ", effect.wish, " has two bookings, ", other.id, " under key ",
                  other.key, " and ", effect.id, " under key ", effect.key);
    }
    if (other.key == effect.key) {
      world_.Fail("I1: key ", effect.key, " took effect twice, as bookings ", other.id, " and ",
                  effect.id);
    }
  }
}

Downstream::Response Downstream::Book(const Request& request) {
  const Nature nature = NatureOf(request.tool);
  const int slot = SlotOf(request.arguments["slot_iso"].get<std::string>());
  const std::string provider = request.arguments["provider_id"].get<std::string>();
  const Effect* there = ActiveAt(nature, slot, provider);
  if (nature == Nature::kNatural) {
    for (const Effect& effect : effects_) {
      if (effect.nature == nature && effect.wish == WishOf(request.arguments) &&
          effect.patient == request.arguments["patient_id"].get<std::string>()) {
        return {Kind::kDone, effect.body};
      }
    }
  }
  if (world_.faults.unique_slots &&
      (there != nullptr || (forgotten_.count(request.key) != 0 && ByKey(request.key) != nullptr) ||
       booked_by_others_.count({slot, provider}) != 0)) {
    world_.trace.Note("downstream: slot ", slot, " is taken, key ", request.key);
    return {Kind::kTaken, R"({"error":"taken"})"};
  }
  return {Kind::kDone, Make(request, nature).body};
}

Downstream::Response Downstream::StartJob(const Request& request) {
  const std::string job = absl::StrCat("job-", jobs_.size() + 1);
  Job& entry = jobs_[job];
  entry.fails = chance_.Is(0.1);
  world_.loop.After(chance_.Time(absl::Milliseconds(200), absl::Seconds(40)), [this, job, request] {
    NoteLanded(request.key);
    Job& entry = jobs_[job];
    entry.response = entry.fails ? Response{Kind::kTaken, R"({"failed":true})"} : Book(request);
  });
  NoteOnItsWay(request.key);
  return {Kind::kAccepted, job};
}

const Downstream::Effect* Downstream::ToCancel(const Request& request) const {
  const Nature nature = NatureOf(request.tool);
  if (CancelsByIdentity(nature)) {
    return ActiveOf(nature, SlotOf(request.arguments["slot_iso"].get<std::string>()),
                    request.arguments["patient_id"].get<std::string>());
  }
  const Effect* named = ById(request.arguments["appointment_id"].get<int>());
  return named == nullptr || named->undone_at.has_value() ? nullptr : named;
}

Downstream::Response Downstream::Cancel(const Request& request) {
  const Effect* there = ToCancel(request);
  if (there == nullptr) return {Kind::kGone, R"({"error":"not found"})"};
  const int id = there->id;
  // R7: while it was under way, nothing that it would hit as well was booked.
  const auto sent = first_sent_.find(request.key);
  if (sent != first_sent_.end() && there->at > sent->second) {
    world_.Fail("R7: booking ", id, " is undone by key ", request.key,
                ", which was sent before it was made");
  }
  Effect& undone = effects_[static_cast<size_t>(id - 1)];
  undone.undone_at = world_.loop.Elapsed();
  undone.undone_by = request.key;
  NoteDone(request);
  world_.trace.Note("UNDONE ", id, " key ", request.key);
  return {Kind::kDone, DumpJson(Json{{"cancelled", id}})};
}

// Restores what was cancelled last.
Downstream::Response Downstream::Restore(const Request& request) {
  const Nature nature = NatureOf(request.tool);
  const int slot = SlotOf(request.arguments["slot_iso"].get<std::string>());
  const std::string patient = request.arguments["patient_id"].get<std::string>();
  const auto sent = first_sent_.find(request.key);
  if (const Effect* there = ActiveOf(nature, slot, patient)) {
    const auto known = restored_by_.find(request.key);
    const bool itself = known != restored_by_.end() && known->second == there->id;
    // R7: while it was under way, nothing was made that it makes stand again.
    if (!itself && sent != first_sent_.end() && there->at > sent->second) {
      world_.Fail("R7: booking ", there->id, " is made while key ", request.key, " restores it");
    }
    return {Kind::kTaken, R"({"error":"stands"})"};
  }
  Effect* last = nullptr;
  for (Effect& effect : effects_) {
    const bool is_it = effect.nature == nature && effect.slot == slot && effect.patient == patient;
    if (is_it && (last == nullptr || *effect.undone_at > *last->undone_at)) last = &effect;
  }
  if (last == nullptr || ActiveAt(nature, slot, last->provider) != nullptr) {
    return {Kind::kTaken, R"({"error":"taken"})"};
  }
  last->at = world_.loop.Elapsed();
  last->undone_at.reset();
  last->restored = true;
  last->undone_by.clear();
  restored_by_[request.key] = last->id;
  NoteDone(request);
  world_.trace.Note("RESTORED ", last->id, " key ", request.key);
  return {Kind::kDone, DumpJson(Json{{"restored", last->id}})};
}

Json Downstream::Standing(const Json& arguments) const {
  const absl::Duration lag = world_.faults.eventual ? absl::Seconds(5) : absl::ZeroDuration();
  const absl::Duration seen_at = world_.loop.Elapsed() - lag;
  const int slot = SlotOf(arguments.value("slot_iso", ""));
  const bool stands = std::any_of(effects_.begin(), effects_.end(), [&](const Effect& effect) {
    return NameOf(effect.nature) == arguments.value("api", "") && effect.slot == slot &&
           effect.patient == arguments.value("patient_id", "") && effect.at <= seen_at &&
           effect.undone_at.value_or(absl::InfiniteDuration()) > seen_at;
  });
  return Json{{"gone", !stands}};
}

Downstream::Response Downstream::Read(const std::string& tool, const Json& arguments) {
  if (tool == "job_status") {
    const auto found = jobs_.find(arguments.value("job", ""));
    if (found == jobs_.end()) return {Kind::kGone, "{}"};
    const std::optional<Response>& response = found->second.response;
    if (!response.has_value()) return {Kind::kDone, R"({"running":true})"};
    if (response->kind != Kind::kDone) return {Kind::kDone, R"({"failed":true})"};
    return {Kind::kDone, DumpJson(Json{{"done", true}, {"result", Json::parse(response->body)}})};
  }
  if (tool == kStanding) return {Kind::kDone, DumpJson(Standing(arguments))};
  const int slot = SlotOf(arguments.value("slot_iso", ""));
  const std::string provider = arguments.value("provider_id", "");
  const absl::Duration lag = world_.faults.eventual ? absl::Seconds(5) : absl::ZeroDuration();
  Json rows = Json::array();
  for (const Effect& effect : effects_) {
    const bool shows = effect.at + lag <= world_.loop.Elapsed();
    if (effect.slot == slot && effect.provider == provider && !effect.undone_at.has_value() &&
        shows && NameOf(effect.nature) == arguments.value("api", "") &&
        (tool != kLookUp || effect.patient == arguments.value("patient_id", ""))) {
      rows.push_back(Json::parse(effect.body));
    }
  }
  if (tool != kLookUp && booked_by_others_.count({slot, provider}) != 0) {
    rows.push_back(Json{{"id", 0}, {"patient_id", "somebody"}, {"slot", slot}});
  }
  return {Kind::kDone, DumpJson(Json{{"found", rows}})};
}

}  // namespace onetake::sim
