#include "runtime/engine/guidance_texts.h"

#include "absl/strings/ascii.h"

namespace onetake {
namespace {

struct Row {
  Situation situation;
  absl::string_view say;
  std::vector<absl::string_view> must_not_say;
};
using Table = std::vector<Row>;

// While nobody knows the outcome, a text may say neither "yes" nor "no", nor anything that makes a
// caller expect a repeat.
const Table& English() {
  static const Table* const table = new Table{
      {Situation::kDone, "", {}},
      {Situation::kPending,
       "I'm working on that now, one moment.",
       {"it is done", "it failed", "let me try that again"}},
      {Situation::kRejected, "That didn't go through, and nothing was changed.", {"it is done"}},
      {Situation::kUnknown,
       "I'm checking on that for you, one moment.",
       {"it is done", "it failed", "let me try that again"}},
      {Situation::kNeedsReview,
       "I couldn't confirm that one. A colleague will check it and get back to you.",
       {"it is done", "it failed", "let me try that again"}},
      {Situation::kReadBack, "Let me read that back to you before I go ahead.", {"it is done"}},
      {Situation::kNearDuplicate,
       "I already have a very similar request. Should I go ahead with this one?",
       {"it is done"}},
      {Situation::kConflict,
       "I already have a request like that with different details. Which one is right?",
       {"it is changed"}},
      {Situation::kInvalid, "", {"it is done"}},
      {Situation::kWithdrawn, "", {"it is done"}},
      {Situation::kFailed, "I couldn't look that up just now.", {}},
      {Situation::kForgotten,
       "I can't see whether that was arranged already. Have you had a confirmation of it?",
       {"it is done", "nothing was done", "it failed"}},
  };
  return *table;
}

const Table& Spanish() {
  static const Table* const table = new Table{
      {Situation::kDone, "", {}},
      {Situation::kPending,
       "Lo estoy tramitando ahora mismo, un momento.",
       {"ya está hecho", "ha fallado", "voy a intentarlo otra vez"}},
      {Situation::kRejected, "No se ha podido hacer y no se ha cambiado nada.", {"ya está hecho"}},
      {Situation::kUnknown,
       "Lo estoy comprobando, un momento.",
       {"ya está hecho", "ha fallado", "voy a intentarlo otra vez"}},
      {Situation::kNeedsReview,
       "No he podido confirmarlo. Una persona del equipo lo revisará y le avisará.",
       {"ya está hecho", "ha fallado", "voy a intentarlo otra vez"}},
      {Situation::kReadBack, "Permítame repetírselo antes de continuar.", {"ya está hecho"}},
      {Situation::kNearDuplicate,
       "Ya tengo una solicitud muy parecida. ¿Sigo adelante con esta?",
       {"ya está hecho"}},
      {Situation::kConflict,
       "Ya tengo una solicitud así con otros datos. ¿Cuál es la correcta?",
       {"ya está cambiado"}},
      {Situation::kInvalid, "", {"ya está hecho"}},
      {Situation::kWithdrawn, "", {"ya está hecho"}},
      {Situation::kFailed, "Ahora mismo no he podido consultarlo.", {}},
      {Situation::kForgotten,
       "No puedo ver si eso ya se tramitó. ¿Ha recibido ya una confirmación?",
       {"ya está hecho", "no se ha hecho nada", "ha fallado"}},
  };
  return *table;
}

const Table& German() {
  static const Table* const table = new Table{
      {Situation::kDone, "", {}},
      {Situation::kPending,
       "Ich bin gerade dabei, einen Moment bitte.",
       {"es ist erledigt", "es hat nicht geklappt", "ich versuche es noch einmal"}},
      {Situation::kRejected,
       "Das ging leider nicht, und es wurde nichts geändert.",
       {"es ist erledigt"}},
      {Situation::kUnknown,
       "Ich prüfe das gerade für Sie, einen Moment bitte.",
       {"es ist erledigt", "es hat nicht geklappt", "ich versuche es noch einmal"}},
      {Situation::kNeedsReview,
       "Das konnte ich nicht bestätigen. Jemand aus dem Team prüft es und meldet sich bei Ihnen.",
       {"es ist erledigt", "es hat nicht geklappt", "ich versuche es noch einmal"}},
      {Situation::kReadBack,
       "Ich wiederhole das kurz, bevor ich weitermache.",
       {"es ist erledigt"}},
      {Situation::kNearDuplicate,
       "Ich habe schon eine sehr ähnliche Anfrage. Soll ich diese ausführen?",
       {"es ist erledigt"}},
      {Situation::kConflict,
       "Ich habe schon so eine Anfrage mit anderen Angaben. Welche ist richtig?",
       {"es ist geändert"}},
      {Situation::kInvalid, "", {"es ist erledigt"}},
      {Situation::kWithdrawn, "", {"es ist erledigt"}},
      {Situation::kFailed, "Das konnte ich gerade nicht nachsehen.", {}},
      {Situation::kForgotten,
       "Ich kann nicht sehen, ob das schon veranlasst wurde. Haben Sie dafür schon eine "
       "Bestätigung bekommen?",
       {"es ist erledigt", "es wurde nichts gemacht", "es hat nicht geklappt"}},
  };
  return *table;
}

const Table* TableOf(absl::string_view tag) {
  if (tag == "en") return &English();
  if (tag == "es") return &Spanish();
  if (tag == "de") return &German();
  return nullptr;
}

// The next shorter form of a tag; a subtag of one letter goes with what it introduces.
absl::string_view Shorter(absl::string_view tag) {
  size_t dash = tag.rfind('-');
  if (dash == absl::string_view::npos) return "";
  tag = tag.substr(0, dash);
  dash = tag.rfind('-');
  if (dash != absl::string_view::npos && tag.size() - dash == 2) tag = tag.substr(0, dash);
  return tag;
}

const SayTexts* TextsIn(const Tool* tool, absl::string_view tag) {
  if (tool == nullptr) return nullptr;
  const auto found = tool->languages.find(std::string(tag));
  return found == tool->languages.end() ? nullptr : &found->second;
}

const Row& RowOf(const Table& table, Situation situation) {
  for (const Row& row : table) {
    if (row.situation == situation) return row;
  }
  return table.front();
}

}  // namespace

Spoken SpokenTexts(Situation situation, absl::string_view language, const Tool* tool) {
  const std::string lower = absl::AsciiStrToLower(language);
  const Table* table = nullptr;
  absl::string_view own;
  std::vector<const SayTexts*> texts;  // all that the tool has for this caller
  for (absl::string_view tag = lower; !tag.empty() && table == nullptr; tag = Shorter(tag)) {
    if (const SayTexts* in = TextsIn(tool, tag)) {
      texts.push_back(in);
      if (own.empty()) own = in->Line(situation);
    }
    table = TableOf(tag);
  }
  if (tool != nullptr) texts.push_back(&tool->say);
  if (own.empty() && table == nullptr && tool != nullptr) own = tool->say.Line(situation);
  const Row& row = RowOf(table == nullptr ? English() : *table, situation);
  Spoken spoken{.say = std::string(own.empty() ? row.say : own), .must_not_say = {}};
  for (const absl::string_view line : row.must_not_say) spoken.must_not_say.emplace_back(line);
  if (situation == Situation::kDone) return spoken;
  for (const SayTexts* own_texts : texts) {
    spoken.must_not_say.insert(spoken.must_not_say.end(), own_texts->must_not_say.begin(),
                               own_texts->must_not_say.end());
  }
  return spoken;
}

std::string ToolTells(Situation situation, absl::string_view language, const Tool* tool) {
  if (tool == nullptr) return "";
  const std::string lower = absl::AsciiStrToLower(language);
  for (absl::string_view tag = lower; !tag.empty(); tag = Shorter(tag)) {
    const SayTexts* texts = TextsIn(tool, tag);
    if (texts == nullptr) continue;
    const auto told = texts->tell.find(situation);
    if (told != texts->tell.end()) return told->second;
  }
  const auto told = tool->say.tell.find(situation);
  return told == tool->say.tell.end() ? "" : told->second;
}

}  // namespace onetake
