// Compiles what a tool's author wants to be said.
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/catalog/compile_context.h"
#include "runtime/catalog/language_tag.h"
#include "runtime/catalog/nearest.h"

namespace onetake {
namespace {

using Rules = v1::ToolManifest::SayRules;

constexpr size_t kTextBytes = 1000;
constexpr int kMustNotSay = 20;

void CheckText(ManifestReport& report, const std::string& field, const std::string& text) {
  if (text.size() > kTextBytes) {
    report.Error(field, "is too long", absl::StrCat("at most ", kTextBytes, " bytes"));
  }
  for (const char c : text) {
    if (!absl::ascii_iscntrl(c)) continue;
    return report.Error(field, "has a control character", "one line of plain text");
  }
}

SayTexts CompileTexts(ManifestReport& report, const std::string& field, const Rules& rules) {
  SayTexts texts;
  const std::map<Situation, const std::string*> lines = {
      {Situation::kPending, &rules.pending()},
      {Situation::kUnknown, &rules.unknown()},
      {Situation::kDone, &rules.done()},
      {Situation::kRejected, &rules.rejected()},
      {Situation::kNeedsReview, &rules.needs_review()},
      {Situation::kReadBack, &rules.read_back()},
      {Situation::kNearDuplicate, &rules.near_duplicate()},
      {Situation::kConflict, &rules.conflict()},
      {Situation::kInvalid, &rules.invalid()},
      {Situation::kWithdrawn, &rules.withdrawn()},
      {Situation::kFailed, &rules.failed()},
      {Situation::kForgotten, &rules.forgotten()},
  };
  std::vector<std::string> names;
  for (const auto& [situation, line] : lines) {
    const std::string name(ToString(situation));
    names.push_back(name);
    CheckText(report, FieldPath(field, name), *line);
    if (!line->empty()) texts.lines[situation] = *line;
  }
  const std::map<std::string, std::string> tell(rules.tell().begin(), rules.tell().end());
  for (const auto& [name, text] : tell) {
    const std::string place = FieldPath(FieldPath(field, "tell"), name);
    CheckText(report, place, text);
    if (name == ToString(Situation::kDone)) {
      report.Error(place, "would change the result, which the model gets as it is", "take it out");
      continue;
    }
    if (const auto situation = SituationFromString(name)) {
      texts.tell[*situation] = text;
      continue;
    }
    const std::string nearest = NearestName(name, names);
    report.Error(place, "is no situation",
                 absl::StrCat(nearest.empty() ? "" : absl::StrCat("did you mean ", nearest, "? "),
                              "one of ", absl::StrJoin(names, ", ")));
  }
  const std::string must_not_say = FieldPath(field, "must_not_say");
  if (rules.must_not_say_size() > kMustNotSay) {
    report.Error(must_not_say, "is too long", absl::StrCat("at most ", kMustNotSay, " entries"));
  }
  for (int i = 0; i < rules.must_not_say_size(); ++i) {
    CheckText(report, FieldPath(must_not_say, static_cast<size_t>(i)), rules.must_not_say(i));
    if (rules.must_not_say(i).empty()) {
      report.Error(FieldPath(must_not_say, static_cast<size_t>(i)), "is empty", "take it out");
    }
    texts.must_not_say.push_back(rules.must_not_say(i));
  }
  return texts;
}

}  // namespace

void CompileSay(const CompileContext& context) {
  const Rules& rules = context.manifest.say();
  ManifestReport& report = context.report;
  context.tool.say = CompileTexts(report, "say", rules);
  std::map<std::string, const Rules*> sorted;
  for (const auto& [tag, texts] : rules.languages()) sorted[tag] = &texts;
  for (const auto& [tag, texts] : sorted) {
    const std::string field = FieldPath("say.languages", tag);
    if (!IsLanguageTag(tag)) {
      report.Error(field, "is no language's tag", "BCP 47: es, pt-BR");
    }
    if (texts->languages_size() > 0) {
      report.Error(FieldPath(field, "languages"), "is nested", "put it under say.languages");
    }
    if (!context.tool.languages
             .emplace(absl::AsciiStrToLower(tag), CompileTexts(report, field, *texts))
             .second) {
      report.Error(field, "is given twice in different letters", "keep one of them");
    }
  }
}

}  // namespace onetake
