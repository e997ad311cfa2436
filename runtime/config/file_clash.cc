#include "runtime/config/file_clash.h"

#include <filesystem>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace onetake {
namespace {

struct NamedFile {
  std::string field;
  std::string path;
};

void AddSecret(std::vector<NamedFile>& files, std::string field, const SecretSource& source) {
  if (source.kind != SecretSource::Kind::kFile) return;
  files.push_back({std::move(field), source.name});
}

std::vector<NamedFile> FilesOf(const ServerConfig& config) {
  std::vector<NamedFile> files{{"ledger.path", config.ledger_path}};
  for (const char* beside : {"-wal", "-shm", "-journal", ".lock"}) {
    files.push_back({"ledger.path", absl::StrCat(config.ledger_path, beside)});
  }
  files.push_back({"ledger.checkpoints.path", config.checkpoints.path});
  files.push_back({"ledger.checkpoints.key_file", config.checkpoints.key_file});
  files.push_back(
      {"ledger.checkpoints.key_file", absl::StrCat(config.checkpoints.key_file, ".pub")});
  AddSecret(files, "intent_key.file", config.intent_key);
  if (config.sealing.new_rows == SealingConfig::NewRows::kSealed) {
    AddSecret(files, "sealing.master.file", config.sealing.master);
  }
  files.push_back({"access.tokens", config.access.token_file});
  files.push_back({"tls.key", config.tls.key_file});
  return files;
}

}  // namespace

std::vector<FileClash> FindFileClashes(const ServerConfig& config) {
  std::vector<FileClash> clashes;
  std::map<std::string, std::string> owners;
  for (const NamedFile& file : FilesOf(config)) {
    if (file.path.empty()) continue;
    const std::string path = std::filesystem::path(file.path).lexically_normal().string();
    const auto [owner, is_new] = owners.emplace(path, file.field);
    if (!is_new && owner->second != file.field) clashes.push_back({file.field, owner->second});
  }
  return clashes;
}

}  // namespace onetake
