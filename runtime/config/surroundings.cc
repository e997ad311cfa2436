#include "runtime/config/surroundings.h"

#include <grp.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/catalog/catalog.h"

namespace onetake {
namespace {

class Surroundings {
 public:
  explicit Surroundings(const ServerConfig& config) : config_(config) {}

  std::vector<Misfit> Find() {
    Ledger();
    const bool folders = ToolFolders();
    Secret("intent_key", config_.intent_key, kIntentKeyUse);
    if (config_.sealing.new_rows == SealingConfig::NewRows::kSealed) {
      Secret("sealing.master", config_.sealing.master, kMasterKeyUse);
    }
    for (const SecretSource& previous : config_.sealing.previous) {
      Secret("sealing.previous", previous, kMasterKeyUse);
    }
    Group();
    if (folders) HeldTools();
    if (folders) KeyRetentions();
    return std::move(misfits_);
  }

 private:
  void Error(absl::string_view field, absl::string_view what) {
    misfits_.push_back({Misfit::Weight::kError, absl::StrCat(field, ": ", what)});
  }
  void Warn(absl::string_view field, absl::string_view what) {
    misfits_.push_back({Misfit::Weight::kWarning, absl::StrCat(field, ": ", what)});
  }

  static bool IsFolder(const std::filesystem::path& path) {
    std::error_code ignored;  // what cannot be seen is no folder for us
    return std::filesystem::is_directory(path, ignored);
  }

  void Ledger() {
    const std::filesystem::path path = config_.ledger_path;
    if (IsFolder(path)) {
      Error("ledger.path", absl::StrCat(config_.ledger_path, " is a folder, must be a file"));
    } else if (!IsFolder(path.parent_path())) {
      // The package's unit has systemd make this folder.
      Warn("ledger.path", absl::StrCat("there is no folder ", path.parent_path().string(),
                                       " here; onetaked does not make it"));
    }
  }

  bool ToolFolders() {
    bool all = true;
    for (const std::string& folder : config_.tool_folders) {
      if (IsFolder(folder)) continue;
      all = false;
      Error("tools", absl::StrCat(folder, " is not a folder: create it, or name another"));
    }
    return all;
  }

  void Secret(absl::string_view field, const SecretSource& source, const SecretUse& use) {
    std::error_code ignored;
    switch (source.kind) {
      case SecretSource::Kind::kEnv:
        if (std::getenv(source.name.c_str()) != nullptr) return;
        return Warn(field, absl::StrCat("the variable ", source.name,
                                        " is not set here; onetaked needs it"));
      case SecretSource::Kind::kFile:
        if (IsFolder(source.name)) {
          return Error(field, absl::StrCat(source.name, " is a folder, must be a file"));
        }
        if (std::filesystem::exists(source.name, ignored) || ignored) {
          return KeyFile(field, source, use);
        }
        // A first start makes it.
        if (!std::filesystem::is_regular_file(config_.ledger_path, ignored)) return;
        return Error(field, absl::StrCat(source.name,
                                         " is missing, but the ledger exists: put it "
                                         "back, no other will do"));
      case SecretSource::Kind::kCommand:
        if (std::filesystem::exists(source.command[0], ignored)) return;
        return Warn(field, absl::StrCat("there is no program ", source.command[0], " here"));
    }
  }

  void KeyFile(absl::string_view field, const SecretSource& source, const SecretUse& use) {
    if (access(source.name.c_str(), R_OK) != 0) {
      return Warn(field, absl::StrCat(source.name, " cannot be read by this user: not checked"));
    }
    const absl::Status usable = LoadSecret(source, use, MissingKeyFile::kRefuse).status();
    if (!usable.ok()) Error(field, usable.message());
  }

  void Group() {
    if (config_.listen_group.empty()) return;
    std::vector<char> text(1024);
    group entry = {};
    group* found = nullptr;
    int error = 0;
    // A group with many members needs more room.
    while ((error = getgrnam_r(config_.listen_group.c_str(), &entry, text.data(), text.size(),
                               &found)) == ERANGE) {
      text.resize(text.size() * 2);
    }
    if (error != 0 || found != nullptr) return;
    Warn("listen_group", absl::StrCat("there is no group ", config_.listen_group,
                                      " on this machine; where onetaked starts there must be"));
  }

  // A tool that is gone may still have intents.
  void HeldTools() {
    constexpr absl::string_view kField = "retention.hold.tools";
    if (config_.retention.held_tools.empty()) return;
    const Catalog catalog = LoadCatalog(config_.tool_folders, ProcessEnvironment());
    if (catalog.tools == nullptr) {
      return Warn(kField, "not checked, as there are errors in the manifests: onetake tools lint");
    }
    for (const std::string& name : config_.retention.held_tools) {
      if (catalog.tools->Find(name) != nullptr) continue;
      Warn(kField, absl::StrCat("there is no tool ", name,
                                " in the manifests: nothing is held, unless there was one"));
    }
  }

  // The errors in the manifests are told by onetake tools lint.
  void KeyRetentions() {
    const absl::Duration keeps = config_.retention.skeletons;
    const Catalog catalog = LoadCatalog(config_.tool_folders, ProcessEnvironment());
    if (catalog.tools == nullptr) return;
    for (const std::shared_ptr<const Tool>& tool : catalog.tools->tools()) {
      if (!tool->safety.keyed || tool->safety.key_retention <= keeps) continue;
      Warn("retention.skeletons",
           absl::StrCat("is shorter than safety.keyed.retention of ", tool->name,
                        ": the same write after that time is answered with the old one's result, "
                        "and not done"));
    }
  }

  const ServerConfig& config_;
  std::vector<Misfit> misfits_;
};

}  // namespace

std::vector<Misfit> FindMisfits(const ServerConfig& config) { return Surroundings(config).Find(); }

}  // namespace onetake
