#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/catalog/tool.h"
#include "tests/sim/faults.h"

namespace onetake::sim {

// What an API does with an idempotency key, and so what its tools declare.
enum class Nature {
  kKeyed,    // honours it for a day
  kShort,    // honours it for 20 s; can be asked
  kNatural,  // books the same thing once, whatever the key
  kProbed,   // ignores it; can be asked
  kNone,     // ignores it
  kJob,      // honours it, and does the work later
  kDesk,     // honours it for a day, also of cancellations, which name slot and patient
  kDiary,    // ignores it; can be asked about bookings and cancellations, which name them so, too
  kFront,    // honours it for a day; whatever conversation says it, it is one intent of the tenant
  kRegular,  // ignores it; can be asked; one intent of whoever has this phone number
};
inline constexpr Nature kNatures[] = {
    Nature::kKeyed, Nature::kShort, Nature::kNatural, Nature::kProbed, Nature::kNone,
    Nature::kJob,   Nature::kDesk,  Nature::kDiary,   Nature::kFront,  Nature::kRegular};
// "keyed" ...; the tools of an API are book_<name> and cancel_<name>, of one also restore_<name>.
std::string NameOf(Nature nature);
Nature NatureOf(const std::string& tool);
bool IsBooking(const std::string& tool);
// Whether it undoes a cancellation.
bool IsRestoring(const std::string& tool);
// The READ by which callers look at their own appointments.
inline constexpr char kLookUp[] = "look_up";
// The READ by which a cancellation is asked about: whether nothing is booked any more.
inline constexpr char kStanding[] = "standing";
bool HonoursKeys(Nature nature);
// Whether its cancellations name what they undo by its identity, slot and patient, and not by its
// result.
bool CancelsByIdentity(Nature nature);
// Whether several conversations may want the same of it.
bool IsShared(Nature nature);
// How long a key is remembered, as declared.
absl::Duration MemoryOf(Nature nature, const Faults& faults);

// The tools of all APIs, in one of some versions: a later one changes texts and times, may be more
// careful, and may lack a tool.
std::shared_ptr<const ToolSet> MakeTools(const Faults& faults, int version);
inline constexpr int kVersions = 4;

// A slot in one of its spellings, and which one a spelling is; -1: none.
std::string Spell(int slot, int spelling);
int SlotOf(const std::string& text);
inline constexpr int kSlots = 64;
inline constexpr int kSpellings = 4;

}  // namespace onetake::sim
