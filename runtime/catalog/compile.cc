#include "runtime/catalog/compile.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/base/check.h"
#include "runtime/catalog/compile_context.h"
#include "runtime/catalog/schema_arguments.h"
#include "runtime/catalog/version.h"

namespace onetake {
namespace {

constexpr size_t kDescriptionBytesMax = 4096;

void CompileHead(const CompileContext& context) {
  const v1::ToolManifest& manifest = context.manifest;
  ManifestReport& report = context.report;
  if (manifest.name().empty()) {
    ReportMissing(report, "name", "the model calls the tool by it: book_appointment");
  } else if (!IsToolName(manifest.name())) {
    report.Error("name",
                 absl::StrCat("is ", report.Quote("name", manifest.name()),
                              ", which no model's API takes as a name"),
                 "a letter, then up to 63 letters, digits, _ and -");
  }
  if (manifest.description().empty()) {
    ReportMissing(report, "description", "the model chooses the tool by it");
  } else if (manifest.description().size() > kDescriptionBytesMax) {
    report.Error("description", "is too long",
                 absl::StrCat("at most ", kDescriptionBytesMax, " bytes"));
  }
  context.tool.name = manifest.name();
  context.tool.description = manifest.description();
  context.tool.effect = manifest.effect() == v1::EFFECT_READ ? Effect::kRead : Effect::kWrite;
  context.tool.source = report.file();
}

// The field that a fault of the schema is about; the message of the fault begins "schema, at #/a/b:
// ".
std::string FieldOfFault(absl::string_view message) {
  std::string field = "parameters";
  if (!absl::ConsumePrefix(&message, "schema, at #")) return field;
  const absl::string_view pointer = message.substr(0, message.find(": "));
  for (const absl::string_view step : absl::StrSplit(pointer, '/', absl::SkipEmpty())) {
    absl::StrAppend(&field, ".", absl::StrReplaceAll(step, {{"~1", "/"}, {"~0", "~"}}));
  }
  return field;
}

std::shared_ptr<const JsonSchema> CompileSchema(const v1::ToolManifest& manifest,
                                                ManifestReport& report) {
  if (!manifest.has_parameters()) {
    ReportMissing(report, "parameters",
                  "give a JSON Schema of type object, or { $ref: FILE.json }; for a tool without "
                  "arguments: { type: object, additionalProperties: false }");
    return nullptr;
  }
  if (report.HasErrorAt("parameters")) return nullptr;
  auto schema = JsonSchema::Compile(
      Json::parse(manifest.parameters().json(), nullptr, /*allow_exceptions=*/false));
  if (schema.ok()) return *std::move(schema);
  const std::string message(schema.status().message());
  if (report.Hides("parameters")) {
    report.Error(FieldOfFault(message), "is no JSON Schema of draft 7",
                 "it holds values from the environment, so the details are not shown");
  } else {
    report.Error(FieldOfFault(message), message, "JSON Schema draft 7, its root of type object");
  }
  return nullptr;
}

// The part of the manifest that decides how long the downstream takes: another request is another
// measurement.
v1::ToolManifest RequestPart(const v1::ToolManifest& manifest) {
  v1::ToolManifest part;
  part.set_effect(manifest.effect());
  if (manifest.has_http()) {
    *part.mutable_http() = manifest.http();
    part.mutable_http()->clear_allow_networks();
  }
  if (manifest.has_plugin()) *part.mutable_plugin() = manifest.plugin();
  if (manifest.has_mcp()) *part.mutable_mcp() = manifest.mcp();
  return part;
}

// Compiles how the downstream is reached: exactly one way.
void CompileBinding(const CompileContext& context) {
  const v1::ToolManifest& manifest = context.manifest;
  ManifestReport& report = context.report;
  const char* first = nullptr;
  for (const auto& [has, name] :
       {std::pair{manifest.has_http(), "http"}, std::pair{manifest.has_plugin(), "plugin"},
        std::pair{manifest.has_mcp(), "mcp"}}) {
    if (has && first != nullptr) {
      report.Error(name, absl::StrCat("stands beside ", first),
                   "keep the one by which the tool is called");
    } else if (has) {
      first = name;
    }
  }
  if (manifest.has_mcp()) return CompileMcp(context);
  if (manifest.has_plugin()) return CompilePlugin(context);
  if (manifest.has_http()) return CompileHttp(context);
  if (report.HasErrorAt("plugin") || report.HasErrorAt("mcp")) return;
  ReportMissing(report, "http",
                "how the downstream is called: http: { method: POST, url: https://... }, "
                "plugin: { name: NAME } or mcp: { server: NAME, reviewed: ... }");
}

std::string Serialize(const v1::ToolManifest& manifest) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    ONETAKE_CHECK(manifest.SerializeToCodedStream(&coded));
  }
  return bytes;
}

}  // namespace

std::string ManifestVersion(const v1::ToolManifest& manifest) {
  return VersionOf(Serialize(manifest));
}

std::shared_ptr<Tool> CompileManifest(const v1::ToolManifest& manifest, const std::string& folder,
                                      ManifestReport& report) {
  auto tool = std::make_shared<Tool>();
  tool->parameters = CompileSchema(manifest, report);
  std::optional<SchemaArguments> arguments;
  if (tool->parameters != nullptr) arguments.emplace(tool->parameters->document());
  const CompileContext context{.manifest = manifest,
                               .arguments = arguments.has_value() ? &*arguments : nullptr,
                               .folder = folder,
                               .report = report,
                               .tool = *tool};
  CompileHead(context);
  CompileIntent(context);
  CompileSafety(context);
  CompileLimits(context);
  CompileBinding(context);
  CompileReverses(context);
  CompileNear(context);
  CompileSets(context);
  CompileJob(context);
  CompileStorage(context);
  CompileSay(context);
  tool->version = ManifestVersion(manifest);
  tool->request_version = ManifestVersion(RequestPart(manifest));
  return tool;
}

}  // namespace onetake
