#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "onetake/v1/manifest.pb.h"
#include "runtime/catalog/manifest_report.h"
#include "runtime/catalog/schema_arguments.h"
#include "runtime/catalog/tool.h"

// The code that the parts of the compiler share. Private to this folder.
namespace onetake {

struct CompileContext {
  const v1::ToolManifest& manifest;
  const SchemaArguments* arguments;  // nullptr when the schema itself is at fault
  const std::string& folder;         // the manifest's
  ManifestReport& report;
  Tool& tool;
};

// Each compiles one part of the manifest.
void CompileIntent(const CompileContext& context);
void CompileSafety(const CompileContext& context);
void CompileLimits(const CompileContext& context);  // timeouts, retries
void CompileHttp(const CompileContext& context);
void CompilePlugin(const CompileContext& context);
void CompileMcp(const CompileContext& context);
// Each compiles a part of `http`.
void CompileParameters(const CompileContext& context, HttpBinding& binding);  // query, styles
void CompileBody(const CompileContext& context, HttpBinding& binding);        // body, form
void CompileReverses(const CompileContext& context);
void CompileNear(const CompileContext& context);  // near duplicates and confirmation
void CompileSets(const CompileContext& context);  // after near and reverses
void CompileJob(const CompileContext& context);
void CompileStorage(const CompileContext& context);
void CompileSay(const CompileContext& context);

// Whether MCP lets us name a member of `_meta` so: an optional prefix of labels and a slash, then
// letters, digits, "_", "-" and ".". The prefixes of the protocol itself are not ours.
bool IsMcpMetaName(absl::string_view name);
// Whether it fits ^[a-zA-Z][a-zA-Z0-9_-]{0,63}$: a name that every model's API takes.
bool IsToolName(absl::string_view name);

// Reports that a field is missing, unless something else was said about it already.
void ReportMissing(ManifestReport& report, absl::string_view field, absl::string_view advice);

// Reads the duration of a message's optional field within [least, most]; `fallback` when it is
// absent or at fault, which is reported.
struct DurationRange {
  absl::Duration least;
  absl::Duration most;
};
absl::Duration DurationIn(ManifestReport& report, absl::string_view field,
                          const google::protobuf::Duration* value, DurationRange range,
                          absl::Duration fallback);

struct IntegerRange {
  int64_t least;
  int64_t most;
};
int64_t IntegerIn(ManifestReport& report, absl::string_view field, std::optional<int64_t> value,
                  IntegerRange range, int64_t fallback);

// Reads a JsonPath; a fault is reported.
std::optional<JsonPath> PathFrom(ManifestReport& report, absl::string_view field,
                                 absl::string_view text);
// Reads a path into the arguments, which must name one that the schema has.
std::optional<JsonPath> ArgumentPath(const CompileContext& context, absl::string_view field,
                                     absl::string_view text);
void CheckDeclared(const CompileContext& context, absl::string_view field,
                   const SchemaArguments::Steps& steps, absl::string_view shown);
// Checks that the values at `steps` can stand in a text: no objects, arrays and nulls.
void CheckPlaceable(const CompileContext& context, absl::string_view field,
                    const SchemaArguments::Steps& steps, absl::string_view shown);
// Reads an argument as its author names it, by a top-level name or a path; nullopt when it is at
// fault.
std::optional<JsonPath> NamedArgument(const CompileContext& context, const std::string& field,
                                      const std::string& named);
// How the values at `path` are compared: an argument of the identity in its normal form, so that no
// other spelling slips by.
IdentityField SubjectField(const Tool& tool, const JsonPath& path);
// The map in order of its names, because protobuf's maps have no order.
template <typename Map>
auto Sorted(const Map& map) {
  return std::map<typename Map::key_type, typename Map::mapped_type>(map.begin(), map.end());
}

// Reports a value of a JSON template that is the hole of a text, "{slot}": it would be sent as it
// stands.
void CheckNoHole(const CompileContext& context, absl::string_view field, absl::string_view text);
// Reads a text with holes, each of them an argument that can stand in a text.
std::optional<TextTemplate> TemplateFrom(const CompileContext& context, absl::string_view field,
                                         absl::string_view text);
// Reads a JSON value with paths, each of them of an argument.
std::optional<JsonTemplate> JsonTemplateFrom(const CompileContext& context, absl::string_view field,
                                             const v1::ToolManifest::JsonValue& value);

}  // namespace onetake
