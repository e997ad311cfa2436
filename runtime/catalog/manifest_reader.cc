#include "runtime/catalog/manifest_reader.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "runtime/catalog/nearest.h"
#include "runtime/catalog/proto_duration.h"
#include "runtime/catalog/yaml_values.h"
#include "runtime/json/json.h"

namespace onetake {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;

using Manifest = v1::ToolManifest;

constexpr JsonLimits kSchemaLimits = {
    .bytes = kYamlBytesMax, .depth = 64, .keys = 20000, .string_bytes = 64 * 1024};

std::string DidYouMean(absl::string_view given, const std::vector<std::string>& known) {
  const std::string nearest = NearestName(given, known);
  return absl::StrCat(nearest.empty() ? "" : absl::StrCat("did you mean ", nearest, "? "),
                      "one of ", absl::StrJoin(known, ", "));
}

// EFFECT_WRITE is spelled WRITE, NORMALISER_VERBATIM verbatim.
std::string Spelling(const EnumValueDescriptor& value) {
  const std::string& zero = value.type()->value(0)->name();
  const absl::string_view prefix = absl::StripSuffix(zero, "UNSPECIFIED");
  const absl::string_view name = absl::StripPrefix(value.name(), prefix);
  return value.type() == v1::Effect_descriptor() ? std::string(name) : absl::AsciiStrToLower(name);
}

const EnumValueDescriptor* ReadEnum(const YamlNode& node, const std::string& field,
                                    const EnumDescriptor& type, ManifestReport& report) {
  if (node.unusable) return nullptr;
  std::vector<std::string> spellings;
  for (int i = 1; i < type.value_count(); ++i) {
    spellings.push_back(Spelling(*type.value(i)));
    if (node.kind == YamlNode::Kind::kScalar && node.text == spellings.back()) {
      return type.value(i);
    }
  }
  const bool scalar = node.kind == YamlNode::Kind::kScalar;
  report.Error(field,
               absl::StrCat("is ", scalar ? report.Quote(field, node.text) : "not a single word"),
               DidYouMean(scalar && !node.substituted ? node.text : "", spellings));
  return nullptr;
}

class Reader {
 public:
  Reader(SchemaFile schema_file, ManifestReport& report)
      : schema_file_(schema_file), report_(report) {}

  // Reads into `out` what the YAML map or scalar at `field` stands for.
  void ReadMessage(const YamlNode& node, const std::string& field, Message& out);

 private:
  void ReadFields(const YamlNode& node, const std::string& field, Message& out);
  void ReadField(const YamlNode& node, const std::string& field, const FieldDescriptor& type,
                 Message& out);
  void ReadSingle(const YamlNode& node, const std::string& field, const FieldDescriptor& type,
                  Message& out);
  void ReadList(const YamlNode& node, const std::string& field, const FieldDescriptor& type,
                Message& out);
  void ReadMap(const YamlNode& node, const std::string& field, const FieldDescriptor& type,
               Message& out);
  void ReadSchema(const YamlNode& node, const std::string& field, Manifest::Schema& out);
  void ReadSchemaFile(const YamlNode& node, const std::string& field, Manifest::Schema& out);
  void CheckOneofs(const YamlNode& node, const std::string& field, const Descriptor& type);

  const SchemaFile schema_file_;
  ManifestReport& report_;
};

void Reader::ReadMessage(const YamlNode& node, const std::string& field, Message& out) {
  if (node.unusable) return;
  const Descriptor* type = out.GetDescriptor();
  const bool scalar = node.kind == YamlNode::Kind::kScalar;
  if (type == google::protobuf::Duration::descriptor()) {
    if (const auto value = ReadDuration(node, field, report_)) {
      ToProto(*value, static_cast<google::protobuf::Duration&>(out));
    }
  } else if (type == Manifest::JsonValue::descriptor()) {
    if (const auto value = ReadJson(node, field, report_)) {
      static_cast<Manifest::JsonValue&>(out).set_json(CanonicalJson(*value));
    }
  } else if (type == Manifest::Schema::descriptor()) {
    ReadSchema(node, field, static_cast<Manifest::Schema&>(out));
  } else if (type == Manifest::AttemptTimeout::descriptor()) {
    if (scalar && node.text == "auto") return;
    if (const auto value = ReadDuration(node, field, report_)) {
      ToProto(*value, *static_cast<Manifest::AttemptTimeout&>(out).mutable_fixed());
    }
  } else if (type == Manifest::HeaderValue::descriptor() && scalar) {
    static_cast<Manifest::HeaderValue&>(out).set_text(node.text);
  } else if (type == Manifest::Hedge::descriptor() && scalar) {
    if (const auto value = ReadBoolean(node, field, report_)) {
      static_cast<Manifest::Hedge&>(out).set_enabled(*value);
    }
  } else {
    ReadFields(node, field, out);
  }
}

// The names that a YAML map may have for this message.
std::vector<std::string> KnownNames(const Descriptor& type) {
  std::vector<std::string> names;
  names.reserve(type.field_count());
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  if (&type == Manifest::HeaderValue::descriptor() || &type == Manifest::Hedge::descriptor()) {
    names.erase(names.begin());  // its scalar form
  }
  return names;
}

void Reader::ReadFields(const YamlNode& node, const std::string& field, Message& out) {
  const Descriptor& type = *out.GetDescriptor();
  const std::vector<std::string> known = KnownNames(type);
  if (node.kind != YamlNode::Kind::kMap) {
    report_.Error(field, "must be a mapping of fields",
                  absl::StrCat("its fields are ", absl::StrJoin(known, ", ")));
    return;
  }
  for (const YamlMember& member : node.map) {
    const std::string below = FieldPath(field, member.name);
    if (std::find(known.begin(), known.end(), member.name) == known.end()) {
      report_.Error(below, "is not a field", DidYouMean(member.name, known));
      const std::string meant = NearestName(member.name, known);
      if (!meant.empty()) report_.Excuse(FieldPath(field, meant));
      continue;
    }
    ReadField(member.value, below, *type.FindFieldByName(member.name), out);
  }
  CheckOneofs(node, field, type);
}

void Reader::CheckOneofs(const YamlNode& node, const std::string& field, const Descriptor& type) {
  for (int i = 0; i < type.real_oneof_decl_count(); ++i) {
    const OneofDescriptor& oneof = *type.oneof_decl(i);
    std::vector<std::string> names;
    int given = 0;
    for (int j = 0; j < oneof.field_count(); ++j) {
      names.push_back(oneof.field(j)->name());
      if (node.Find(names.back()) != nullptr) ++given;
    }
    if (given != 1) {
      report_.Error(field,
                    absl::StrCat(given == 0 ? "needs one of " : "has more than one of ",
                                 absl::StrJoin(names, ", ")),
                    absl::StrCat("give exactly one of them"));
    }
  }
}

void Reader::ReadField(const YamlNode& node, const std::string& field, const FieldDescriptor& type,
                       Message& out) {
  const bool any_value = type.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
                         type.message_type() == Manifest::JsonValue::descriptor();
  if (node.kind == YamlNode::Kind::kNull && !any_value) {
    report_.Error(field, "has no value", "give one, or take the line out");
  } else if (type.is_map()) {
    ReadMap(node, field, type, out);
  } else if (type.is_repeated()) {
    ReadList(node, field, type, out);
  } else {
    ReadSingle(node, field, type, out);
  }
}

void Reader::ReadSingle(const YamlNode& node, const std::string& field, const FieldDescriptor& type,
                        Message& out) {
  const auto* reflection = out.GetReflection();
  switch (type.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      if (auto text = ReadText(node, field, report_)) {
        reflection->SetString(&out, &type, *std::move(text));
      }
      return;
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
      if (const auto value = ReadInteger(node, field, report_)) {
        if (type.cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
          reflection->SetInt64(&out, &type, *value);
        } else {  // a number that does not fit is out of every range that is checked later
          reflection->SetInt32(
              &out, &type, static_cast<int32_t>(std::clamp<int64_t>(*value, INT32_MIN, INT32_MAX)));
        }
      }
      return;
    case FieldDescriptor::CPPTYPE_BOOL:
      if (const auto value = ReadBoolean(node, field, report_)) {
        reflection->SetBool(&out, &type, *value);
      }
      return;
    case FieldDescriptor::CPPTYPE_ENUM:
      if (const auto* value = ReadEnum(node, field, *type.enum_type(), report_)) {
        reflection->SetEnum(&out, &type, value);
      }
      return;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ReadMessage(node, field, *reflection->MutableMessage(&out, &type));
    default: report_.Error(field, "has a type that manifests do not use", "");
  }
}

void Reader::ReadList(const YamlNode& node, const std::string& field, const FieldDescriptor& type,
                      Message& out) {
  if (node.unusable) return;
  if (node.kind != YamlNode::Kind::kList) {
    report_.Error(field, "must be a list", absl::StrCat(type.name(), ": [first, second]"));
    return;
  }
  if (node.list.empty()) report_.Error(field, "is empty", "give an entry, or take the line out");
  for (size_t i = 0; i < node.list.size(); ++i) {
    const std::string below = FieldPath(field, i);
    if (type.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      ReadMessage(node.list[i], below, *out.GetReflection()->AddMessage(&out, &type));
    } else if (auto text = ReadText(node.list[i], below, report_)) {
      out.GetReflection()->AddString(&out, &type, *std::move(text));
    }
  }
}

void Reader::ReadMap(const YamlNode& node, const std::string& field, const FieldDescriptor& type,
                     Message& out) {
  if (node.unusable) return;
  if (node.kind != YamlNode::Kind::kMap) {
    report_.Error(field, "must be a mapping", "write NAME: VALUE, one a line");
    return;
  }
  if (node.map.empty()) report_.Error(field, "is empty", "give an entry, or take the line out");
  const FieldDescriptor& key = *type.message_type()->map_key();
  const FieldDescriptor& value = *type.message_type()->map_value();
  for (const YamlMember& member : node.map) {
    const std::string below = FieldPath(field, member.name);
    int32_t number = 0;
    if (key.cpp_type() == FieldDescriptor::CPPTYPE_INT32 &&
        !absl::SimpleAtoi(member.name, &number)) {
      report_.Error(below, "has a name that is not a number", "the names here are HTTP statuses");
      continue;
    }
    Message& entry = *out.GetReflection()->AddMessage(&out, &type);
    if (key.cpp_type() == FieldDescriptor::CPPTYPE_INT32) {
      entry.GetReflection()->SetInt32(&entry, &key, number);
    } else {
      entry.GetReflection()->SetString(&entry, &key, member.name);
    }
    ReadField(member.value, below, value, entry);
  }
}

void Reader::ReadSchema(const YamlNode& node, const std::string& field, Manifest::Schema& out) {
  if (node.kind != YamlNode::Kind::kMap) {
    report_.Error(field, "must be a JSON Schema",
                  "write the schema itself, or { $ref: FILE.json }");
    return;
  }
  if (const YamlNode* reference = node.Find("$ref")) {
    if (node.map.size() > 1) {
      report_.Error(FieldPath(field, "$ref"), "stands beside other fields",
                    "give either { $ref: FILE.json } alone or the schema itself");
      return;
    }
    return ReadSchemaFile(*reference, FieldPath(field, "$ref"), out);
  }
  if (const auto schema = ReadJson(node, field, report_)) out.set_json(CanonicalJson(*schema));
}

void Reader::ReadSchemaFile(const YamlNode& node, const std::string& field, Manifest::Schema& out) {
  const std::optional<std::string> reference = ReadText(node, field, report_);
  if (!reference.has_value()) return;
  const absl::StatusOr<std::string> text = schema_file_(*reference);
  if (!text.ok()) {
    report_.Error(field, std::string(text.status().message()), "");
    return;
  }
  const absl::StatusOr<Json> schema = ParseJson(*text, kSchemaLimits);
  if (!schema.ok()) {
    report_.Error(field, absl::StrCat("the schema file: ", std::string(schema.status().message())),
                  "");
    return;
  }
  out.set_json(CanonicalJson(*schema));
}

}  // namespace

v1::ToolManifest ReadManifest(const YamlNode& root, SchemaFile schema_file,
                              ManifestReport& report) {
  v1::ToolManifest manifest;
  Reader(schema_file, report).ReadMessage(root, "", manifest);
  return manifest;
}

}  // namespace onetake
