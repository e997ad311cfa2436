// Compiles a tool of an MCP server.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/catalog/compile_context.h"

namespace onetake {
namespace {

using Manifest = v1::ToolManifest;

constexpr size_t kToolBytesMax = 128;
constexpr size_t kMetaBytesMax = 128;
constexpr size_t kContainsBytesMax = 1024;
constexpr size_t kDigestDigits = 64;
constexpr absl::string_view kReviewedAdvice =
    "onetake tools import mcp writes it: sha256: and 64 hex digits of the server's definition";

// The specification of 2025-11-25 asks servers for letters, digits, `_`, `-` and `.`; before they
// were free, and there is no other way to call what is named otherwise.
bool IsMcpToolName(absl::string_view name) {
  return !name.empty() && name.size() <= kToolBytesMax &&
         std::none_of(name.begin(), name.end(), [](char c) { return absl::ascii_iscntrl(c); });
}

void CheckNames(const CompileContext& context, const Manifest::McpRules& rules) {
  ManifestReport& report = context.report;
  if (rules.server().empty()) {
    ReportMissing(report, "mcp.server", "the name that onetake.yaml has under mcp_servers");
  } else if (!IsToolName(rules.server())) {
    report.Error(
        "mcp.server",
        absl::StrCat("is ", report.Quote("mcp.server", rules.server()), ", which is no name"),
        "a letter, then up to 63 letters, digits, _ and -");
  }
  if (!rules.tool().empty() && !IsMcpToolName(rules.tool())) {
    report.Error("mcp.tool",
                 absl::StrCat("is ", report.Quote("mcp.tool", rules.tool()),
                              ", which no MCP server has as a name"),
                 "1 to 128 bytes without control characters");
  }
}

void CheckReviewed(ManifestReport& report, const std::string& reviewed) {
  absl::string_view digits = reviewed;
  if (reviewed.empty()) {
    ReportMissing(report, "mcp.reviewed", kReviewedAdvice);
  } else if (!absl::ConsumePrefix(&digits, "sha256:") || digits.size() != kDigestDigits ||
             digits.find_first_not_of("0123456789abcdef") != absl::string_view::npos) {
    report.Error("mcp.reviewed", "is no digest", kReviewedAdvice);
  }
}

// nullopt: the value is at fault, which is reported.
std::optional<StatusMeaning> MeaningOf(const CompileContext& context, absl::string_view field,
                                       Manifest::Outcome outcome) {
  switch (outcome) {
    case Manifest::OUTCOME_NO_EFFECT: return StatusMeaning::kNoEffect;
    case Manifest::OUTCOME_REJECTED: return StatusMeaning::kRejected;
    case Manifest::OUTCOME_MAY_HAVE_HAPPENED: return StatusMeaning::kMayHaveHappened;
    case Manifest::OUTCOME_SUCCEEDED: return StatusMeaning::kSucceeded;
    default: break;
  }
  context.report.Error(field, "is nothing that an MCP server's answer can mean",
                       "rejected, no_effect, may_have_happened or succeeded");
  return std::nullopt;
}

void CompileIsError(const CompileContext& context, McpBinding& binding) {
  const Manifest::McpRules& rules = context.manifest.mcp();
  // A failed look-up is an answer like any other: the model may ask differently.
  if (context.tool.effect == Effect::kRead) binding.is_error = StatusMeaning::kRejected;
  if (!rules.has_is_error()) return;
  constexpr absl::string_view kField = "mcp.is_error";
  if (rules.is_error() == Manifest::OUTCOME_SUCCEEDED) {
    context.report.Error(kField, "cannot be succeeded: then no call could fail",
                         "name the answers that are a success under errors");
    return;
  }
  if (auto meaning = MeaningOf(context, kField, rules.is_error())) binding.is_error = *meaning;
}

void CompileErrorRule(const CompileContext& context, const std::string& field,
                      const Manifest::McpErrorRule& rule, McpBinding& binding) {
  ManifestReport& report = context.report;
  McpErrorRule compiled{.contains = rule.contains()};
  if (rule.contains().empty() == rule.path().empty()) {
    report.Error(field, "needs exactly one of contains and path",
                 "{ contains: \"slot taken\", is: rejected }");
  } else if (rule.path().empty() == rule.has_equals()) {
    report.Error(field, "has only one of path and equals",
                 "{ path: $.structuredContent.code, equals: slot_taken, is: rejected }");
  }
  if (rule.contains().size() > kContainsBytesMax) {
    report.Error(FieldPath(field, "contains"), "is too long",
                 absl::StrCat("at most ", kContainsBytesMax, " bytes"));
  }
  if (!rule.path().empty()) {
    compiled.path = PathFrom(report, FieldPath(field, "path"), rule.path());
    compiled.equals = Json::parse(rule.equals().json(), nullptr, /*allow_exceptions=*/false);
  }
  const std::string is = FieldPath(field, "is");
  if (!rule.has_is()) {
    ReportMissing(report, is, "rejected, no_effect, may_have_happened or succeeded");
  } else if (auto meaning = MeaningOf(context, is, rule.is())) {
    compiled.meaning = *meaning;
  }
  binding.errors.push_back(std::move(compiled));
}

McpBinding::Result ResultOf(Manifest::McpResult result) {
  switch (result) {
    case Manifest::MCP_RESULT_STRUCTURED: return McpBinding::Result::kStructured;
    case Manifest::MCP_RESULT_CONTENT: return McpBinding::Result::kContent;
    case Manifest::MCP_RESULT_TEXT: return McpBinding::Result::kText;
    default: return McpBinding::Result::kAuto;
  }
}

bool IsWord(absl::string_view text, absl::string_view more) {
  return !text.empty() && absl::ascii_isalnum(text.front()) && absl::ascii_isalnum(text.back()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return absl::ascii_isalnum(c) || absl::StrContains(more, c); });
}

}  // namespace

bool IsMcpMetaName(absl::string_view name) {
  if (name.size() > kMetaBytesMax) return false;
  const size_t slash = name.rfind('/');
  if (slash == absl::string_view::npos) return IsWord(name, "-_.");
  const std::vector<absl::string_view> labels = absl::StrSplit(name.substr(0, slash), '.');
  for (const absl::string_view label : labels) {
    if (!IsWord(label, "-") || !absl::ascii_isalpha(label.front())) return false;
  }
  // The protocol's own prefixes are those whose second label is its name.
  if (labels.size() > 1 && (labels[1] == "mcp" || labels[1] == "modelcontextprotocol")) {
    return false;
  }
  return IsWord(name.substr(slash + 1), "-_.");
}

void CompileMcp(const CompileContext& context) {
  const Manifest::McpRules& rules = context.manifest.mcp();
  McpBinding binding{.server = rules.server(),
                     .tool = rules.tool().empty() ? context.manifest.name() : rules.tool(),
                     .arguments = {},
                     .reviewed = rules.reviewed()};
  CheckNames(context, rules);
  CheckReviewed(context.report, rules.reviewed());
  Manifest::JsonValue arguments;
  arguments.set_json(rules.has_arguments() ? rules.arguments().json() : "\"$\"");
  if (auto compiled = JsonTemplateFrom(context, "mcp.arguments", arguments)) {
    if (compiled->source() != Json("$") && !compiled->source().is_object()) {
      context.report.Error("mcp.arguments", "must be a mapping, or $ for all arguments",
                           "{ slot: $.slot_iso }");
    }
    binding.arguments = *std::move(compiled);
  }
  CompileIsError(context, binding);
  for (int i = 0; i < rules.errors_size(); ++i) {
    CompileErrorRule(context, FieldPath("mcp.errors", static_cast<size_t>(i)), rules.errors(i),
                     binding);
  }
  binding.result = ResultOf(rules.result());
  context.tool.executor = "mcp";
  context.tool.mcp = std::move(binding);
}

}  // namespace onetake
