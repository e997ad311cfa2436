#include "runtime/config/checkpoint_config.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/config/config_values.h"

namespace onetake {
namespace {

constexpr char kName[] = "ledger.checkpoints";

class Parser {
 public:
  Parser(YamlFaults& faults, const std::string& folder) : faults_(faults), folder_(folder) {}

  CheckpointOptions Parse(const YAML::Node& node) {
    YamlFields fields(faults_, node, kName);
    fields.Optional("path", [this](const YAML::Node& path) { Path(path, "path", options_.path); });
    fields.Optional("key_file",
                    [this](const YAML::Node& path) { Path(path, "key_file", options_.key_file); });
    fields.Optional("every_events", [this](const YAML::Node& count) { Events(count); });
    fields.Optional("every", [this](const YAML::Node& time) { Every(time); });
    fields.Optional("syslog", [this](const YAML::Node& flag) { Syslog(flag); });
    fields.End();
    return options_;
  }

 private:
  static std::string FullName(absl::string_view field) { return absl::StrCat(kName, ".", field); }

  void Path(const YAML::Node& node, absl::string_view field, std::string& out) {
    const auto text = Text(faults_, node, FullName(field));
    if (text.has_value()) out = AbsolutePath(folder_, *text);
  }

  void Events(const YAML::Node& node) {
    const auto text = Text(faults_, node, FullName("every_events"));
    if (!text.has_value()) return;
    if (!absl::SimpleAtoi(*text, &options_.every_events) || options_.every_events < 1 ||
        options_.every_events > 1'000'000) {
      faults_.Add(node, FullName("every_events"), "must be a whole number from 1 to 1000000");
    }
  }

  void Every(const YAML::Node& node) {
    const auto text = Text(faults_, node, FullName("every"));
    if (!text.has_value()) return;
    if (!absl::ParseDuration(*text, &options_.every) || options_.every < absl::Milliseconds(100) ||
        options_.every > absl::Hours(24)) {
      faults_.Add(node, FullName("every"), "must be a duration from 100ms to 24h, e.g. 60s");
    }
  }

  void Syslog(const YAML::Node& node) {
    const auto text = Text(faults_, node, FullName("syslog"));
    if (!text.has_value()) return;
    if (*text != "true" && *text != "false") {
      return faults_.Add(node, FullName("syslog"), "must be true or false");
    }
    options_.syslog =
        *text == "true" ? CheckpointOptions::Syslog::kOn : CheckpointOptions::Syslog::kOff;
  }

  YamlFaults& faults_;
  const std::string& folder_;
  CheckpointOptions options_;
};

}  // namespace

CheckpointOptions ParseCheckpoints(YamlFaults& faults, const YAML::Node& node,
                                   const std::string& folder) {
  return Parser(faults, folder).Parse(node);
}

}  // namespace onetake
