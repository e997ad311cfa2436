#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "runtime/access/token_file.h"
#include "runtime/base/log.h"
#include "runtime/catalog/tool_changes.h"
#include "runtime/config/config.h"
#include "runtime/config/secret_source.h"
#include "runtime/config/surroundings.h"
#include "runtime/config/tls_config.h"
#include "runtime/ledger/lost_ledger.h"
#include "runtime/server/app.h"
#include "runtime/server/catalog_log.h"
#include "runtime/server/configured_catalog.h"
#include "runtime/server/grpc_log.h"
#include "runtime/server/master_keys.h"
#include "runtime/server/service_manager.h"
#include "runtime/store/file_lock.h"
#include "tools/grpc/grpc_channel.h"

namespace onetake {
namespace {

enum class ExitCode {
  kStopped = 0,
  kUsage = 1,
  kConfiguration = 2,
  kLedger = 3,
  kListen = 4,
};

constexpr char kHelp[] =
    "Stops on SIGTERM or SIGINT: new calls are refused, running ones settle or are recorded as\n"
    "unknown within drain_grace. A second signal ends the process at once, which is as safe as a\n"
    "crash: the ledger knows what was begun.\n"
    "SIGHUP reads the configuration and the master keys again, then the manifests. With an error "
    "in\n"
    "the configuration or a key nothing changes; with one in a manifest all tools stay as they "
    "were,\n"
    "and the rest is taken over. What needs a restart is logged (`onetake config explain`).\n"
    "\n"
    "Exit codes: 0 stopped as asked, 1 usage, 2 configuration, manifests, keys,\n"
    "certificates or tokens, 3 the ledger cannot be opened, 4 the address cannot be bound. It "
    "ends\n"
    "by SIGABRT when the ledger can no longer promise durability.";

struct Arguments {
  std::string config = "onetake.yaml";
  std::string port_file;
  bool check = false;
  bool accept_restored = false;
  bool new_ledger = false;
};

int Fail(ExitCode code, absl::string_view event, const absl::Status& status) {
  Log(LogLevel::kError, event, {{LogField::kError, std::string(status.message())}});
  return static_cast<int>(code);
}

// What is created may hold what callers said: for the owner only, and no core files of it.
void KeepPrivate() {
  umask(077);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
}

// As many as we may: each connection takes two, each call of a downstream one or two.
void TakeAllDescriptors() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

sigset_t SetOf(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

// Blocked in every thread, so that only WaitForStop() sees them.
void BlockSignals(std::initializer_list<int> signals) {
  const sigset_t set = SetOf(signals);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void WaitForStop(App& app) {
  const sigset_t signals = SetOf({SIGTERM, SIGINT, SIGHUP});
  int signal = 0;
  while (sigwait(&signals, &signal) != 0 || signal == SIGHUP) {
    if (signal == SIGHUP) app.Reload();
  }
  Log(LogLevel::kInfo, "server.stopping", {{LogField::kSignal, int64_t{signal}}});
  // The next one ends the process by its default action.
  const sigset_t stop = SetOf({SIGTERM, SIGINT});
  pthread_sigmask(SIG_UNBLOCK, &stop, nullptr);
}

absl::StatusOr<std::shared_ptr<const ToolSet>> LoadTools(const ServerConfig& config) {
  const Catalog catalog = LoadCatalog(config);
  LogDiagnostics(catalog.diagnostics);
  if (catalog.tools == nullptr) {
    return absl::InvalidArgumentError(
        "the manifests have errors; `onetake tools lint FOLDER` lists them");
  }
  Log(LogLevel::kInfo, "catalog.loaded",
      {{LogField::kCount, static_cast<int64_t>(catalog.tools->tools().size())},
       {LogField::kVersion, CatalogVersion(*catalog.tools)}});
  return catalog.tools;
}

// Renamed into place, so that whoever waits for it never reads half of it.
absl::Status WritePortFile(const std::string& path, const std::string& address) {
  const std::string draft = path + ".new";
  std::ofstream file(draft, std::ios::trunc);
  file << address << "\n";
  file.close();
  if (file.good() && std::rename(draft.c_str(), path.c_str()) == 0) return absl::OkStatus();
  return absl::UnavailableError("--port-file " + path + " cannot be written");
}

// Keys that were made for a ledger which this start then could not make: the next one would take
// them for those of a ledger that is lost.
class NewKeys {
 public:
  explicit NewKeys(const ServerConfig& config) : ledger_(config.ledger_path) {
    for (const SecretSource* source : {&config.intent_key, &config.sealing.master}) {
      const bool is_file = source->kind == SecretSource::Kind::kFile;
      if (is_file && !Exists(source->name)) missing_.push_back(source->name);
    }
  }
  ~NewKeys() {
    if (missing_.empty() || HoldsLedger(ledger_)) return;
    // Another process may be making its first start with them.
    const std::string lock_file = ledger_ + ".lock";
    const auto lock = FileLock::Acquire(lock_file);
    if (!lock.ok() && Exists(lock_file)) return;
    for (const std::string& file : missing_) std::remove(file.c_str());
  }
  NewKeys(const NewKeys&) = delete;
  NewKeys& operator=(const NewKeys&) = delete;

  // A ledger was opened with them: without them it is lost, wherever its file is moved.
  void Keep() { missing_.clear(); }

 private:
  static bool Exists(const std::string& path) {
    std::error_code unseen;
    return std::filesystem::exists(path, unseen) || unseen;
  }

  const std::string ledger_;
  std::vector<std::string> missing_;
};

// From the open ledger to the last answer.
int Run(const Arguments& arguments, App& app, NewKeys& new_keys) {
  BlockSignals({SIGTERM, SIGINT});
  if (absl::Status status = app.CheckAccess(); !status.ok()) {
    return Fail(ExitCode::kConfiguration, "access.refused", status);
  }
  // A limit of the size of files is told by the write that fails, not by an end without a word.
  if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR) {
    return Fail(ExitCode::kConfiguration, "server.failed", absl::InternalError("no signals"));
  }
  if (absl::Status status = app.OpenLedger(); !status.ok()) {
    if (absl::IsResourceExhausted(status)) {
      status = absl::ResourceExhaustedError(absl::StrCat(
          status.message(), ": make room on its disk, then start again; the ledger is as it was"));
    }
    return Fail(ExitCode::kLedger, "ledger.refused", status);
  }
  new_keys.Keep();
  // Whoever has to be answered from here on does not wait for who reads the log.
  DropUnreadLogLines(absl::Milliseconds(100));
  if (absl::Status status = app.StartTools(); !status.ok()) {
    return Fail(ExitCode::kConfiguration, "plugin.refused", status);
  }
  if (absl::Status status = app.Listen(); !status.ok()) {
    return Fail(ExitCode::kListen, "listen.refused", status);
  }
  if (absl::Status status = app.ShareListener(); !status.ok()) {
    app.Stop();
    return Fail(ExitCode::kListen, "listen.refused", status);
  }
  if (!arguments.port_file.empty()) {
    if (absl::Status status = WritePortFile(arguments.port_file, app.address()); !status.ok()) {
      app.Stop();
      return Fail(ExitCode::kListen, "port_file.refused", status);
    }
  }
  Log(LogLevel::kInfo, "server.started",
      {{LogField::kAddress, app.address()},
       {LogField::kPid, int64_t{getpid()}},
       {LogField::kVersion, ONETAKE_VERSION}});
  TellServiceManager("READY=1");
  WaitForStop(app);
  TellServiceManager("STOPPING=1");
  app.Stop();
  return static_cast<int>(ExitCode::kStopped);
}

// What is made at the first start is there, and the ledger is not: a new one would have forgotten
// what was written, and let it be written again.
absl::Status CheckNoneIsLost(const ServerConfig& config) {
  std::error_code ignored;
  const bool is_empty = std::filesystem::exists(config.ledger_path, ignored);
  std::vector<std::string> files;
  if (config.intent_key.kind == SecretSource::Kind::kFile) files.push_back(config.intent_key.name);
  files.push_back(config.checkpoints.key_file);
  files.push_back(config.checkpoints.path);
  for (const std::string& file : files) {
    if (!std::filesystem::exists(file, ignored)) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "there is no ledger ", is_empty ? "in " : "", config.ledger_path,
        is_empty ? ", which is empty, but " : ", but ", file, " is there, so there was one: ",
        "a new one would let what was written be written again. Put the ledger or a backup of it ",
        "back. To begin an empty one, start once with --accept-restored: for 24 h, every write, ",
        "one with a key too, is then confirmed by the user first, unless it is NATURAL and has no ",
        "guarded arguments. If there ",
        "never was one, as the keys were put in place beforehand, start once with --new-ledger"));
  }
  return absl::OkStatus();
}

// FAILED_PRECONDITION when the secret cannot be used as it is: a command is not run for this, and a
// file that is missing may be made by the start.
absl::Status CheckSecret(const SecretSource& source, const SecretUse& use) {
  std::error_code ignored;
  if (source.kind == SecretSource::Kind::kCommand) return absl::OkStatus();
  if (source.kind == SecretSource::Kind::kFile && !std::filesystem::exists(source.name, ignored)) {
    return absl::OkStatus();
  }
  return LoadSecret(source, use, MissingKeyFile::kRefuse).status();
}

// What a start would find wrong beside what LoadConfig() and LoadTools() do. Touches nothing.
int Check(const ServerConfig& config) {
  absl::Status keys = CheckSecret(config.intent_key, kIntentKeyUse);
  keys.Update(CheckSecret(config.sealing.master, kMasterKeyUse));
  for (const SecretSource& previous : config.sealing.previous) {
    keys.Update(CheckSecret(previous, kMasterKeyUse));
  }
  if (!keys.ok()) return Fail(ExitCode::kConfiguration, "config.refused", keys);
  for (const Misfit& misfit : FindMisfits(config)) {
    if (misfit.weight != Misfit::Weight::kError) continue;
    return Fail(ExitCode::kConfiguration, "config.refused",
                absl::FailedPreconditionError(misfit.text));
  }
  if (config.tls.on()) {
    const absl::Status tls = ReadTls(config.tls, KeyReader::kThisProcess).status();
    if (!tls.ok()) return Fail(ExitCode::kConfiguration, "access.refused", tls);
  }
  if (!config.access.token_file.empty()) {
    const absl::Status tokens = ReadTokenFile(config.access.token_file).status();
    const bool fits = tokens.ok() || absl::IsNotFound(tokens);  // none: no tokens yet
    if (!fits) return Fail(ExitCode::kConfiguration, "access.refused", tokens);
  }
  for (const PluginSpec& plugin : config.plugins) {
    const absl::Status tls = CheckPluginTls(plugin);
    if (!tls.ok()) return Fail(ExitCode::kConfiguration, "plugin.refused", tls);
  }
  return static_cast<int>(ExitCode::kStopped);
}

int Serve(const Arguments& arguments) {
  absl::StatusOr<ServerConfig> config = LoadConfig(arguments.config);
  if (config.ok() && arguments.accept_restored) config->restored = RestoredLedger::kAccept;
  if (!config.ok()) return Fail(ExitCode::kConfiguration, "config.refused", config.status());
  SetLogLevel(config->log_level);
  absl::StatusOr<std::shared_ptr<const ToolSet>> tools = LoadTools(*config);
  if (!tools.ok()) return Fail(ExitCode::kConfiguration, "catalog.refused", tools.status());
  if (arguments.check) return Check(*config);

  const bool has_ledger = HoldsLedger(config->ledger_path);
  if (!has_ledger && !arguments.new_ledger) {
    const absl::Status lost = CheckNoneIsLost(*config);
    if (!lost.ok() && !arguments.accept_restored) {
      return Fail(ExitCode::kLedger, "ledger.refused", lost);
    }
    // Also when nothing tells that there was one: somebody says so.
    if (arguments.accept_restored) config->restored = RestoredLedger::kLost;
  }
  NewKeys new_keys(*config);
  const MissingKeyFile missing = has_ledger ? MissingKeyFile::kRefuse : MissingKeyFile::kCreate;
  absl::StatusOr<Secret> key = LoadSecret(config->intent_key, kIntentKeyUse, missing);
  if (!key.ok()) return Fail(ExitCode::kConfiguration, "intent_key.refused", key.status());
  absl::StatusOr<std::vector<Secret>> masters = LoadMasterKeys(config->sealing, missing);
  if (!masters.ok()) return Fail(ExitCode::kConfiguration, "master_key.refused", masters.status());
  App app(arguments.config, *config, {*std::move(key), *std::move(masters)}, *std::move(tools));
  return Run(arguments, app, new_keys);
}

int Main(int argc, char** argv) {
  KeepPrivate();
  // Whoever asks for a reload before there is anything to reload gets it then. A stop ends the
  // process, until there is something to stop.
  BlockSignals({SIGHUP});
  TakeAllDescriptors();
  TakeGrpcLog();
  // Debian builds Abseil with its search for lock cycles, which takes a lock of the whole process
  // for every lock, and would end the process by its findings. Tests keep it.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  Arguments arguments;
  CLI::App app(
      "onetaked: executes the tool calls of voice agents; a write happens once per intent");
  app.add_option("--config", arguments.config, "The configuration file")->capture_default_str();
  app.add_option("--port-file", arguments.port_file,
                 "Write the bound address to this file once calls are taken");
  app.add_flag("--check", arguments.check,
               "Check the configuration, the keys and certificates that it names, and the "
               "manifests,\nthen exit; touches nothing");
  app.add_flag(
      "--accept-restored", arguments.accept_restored,
      "Go on with a ledger that was restored from an older copy, or with an empty one when it\n"
      "is lost: for 24 h, every new write, one with a key too, is confirmed by the user first,\n"
      "unless it is NATURAL and has no guarded arguments; what was open waits for a person");
  app.add_flag("--new-ledger", arguments.new_ledger,
               "Where no ledger is, begin one although keys are there already: they were put in\n"
               "place before the very first start");
  app.set_version_flag("--version", "onetaked " ONETAKE_VERSION);
  app.footer(kHelp);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  return Serve(arguments);
}

}  // namespace
}  // namespace onetake

int main(int argc, char** argv) {
  try {
    return onetake::Main(argc, argv);
  } catch (const std::exception& error) {  // of a library; ours are statuses
    onetake::Log(onetake::LogLevel::kError, "server.failed",
                 {{onetake::LogField::kError, std::string(error.what())}});
    return static_cast<int>(onetake::ExitCode::kConfiguration);
  }
}
