#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/plugin/plugin_link.h"
#include "tools/sdk/onetake_plugin.h"

namespace onetake {

// The caller's side of a call while it runs: what the call is told, and what it asks. Called from
// the plugin's threads.
class CallHost {
 public:
  virtual ~CallHost() = default;
  virtual bool IsCancelled() = 0;
  virtual absl::Duration TimeLeft() = 0;
  virtual void Progress(AttemptProgress progress) = 0;
};

// A plugin's library, loaded and created, behind the C ABI of tools/sdk. Whatever it does short of
// crashing is an answer: exceptions, null pointers, texts that are too long. Thread-safe as far as
// the ABI says. Destroys the plugin; the library stays mapped, as threads of it may still run.
class NativeLibrary {
 public:
  // Loads exactly the bytes whose SHA-256 (64 lower-case hex digits) is given: a file that is
  // swapped after the check is not what runs. INVALID_ARGUMENT when the file is not a regular one,
  // others may write it, the digest differs, it is no plugin or of another ABI, or refuses its
  // settings; NOT_FOUND when it cannot be opened.
  static absl::StatusOr<std::unique_ptr<NativeLibrary>> Load(const std::string& path,
                                                             const std::string& sha256,
                                                             const std::string& settings_json);
  ~NativeLibrary();
  NativeLibrary(const NativeLibrary&) = delete;
  NativeLibrary& operator=(const NativeLibrary&) = delete;

  const PluginDescription& description() const { return description_; }
  PluginResult Invoke(const PluginLink::Call& call, CallHost& host);
  ProbeReport Probe(const PluginLink::Call& call, CallHost& host);

 private:
  explicit NativeLibrary(onetake_plugin plugin) : plugin_(plugin) {}

  onetake_plugin plugin_;
  PluginDescription description_;
};

}  // namespace onetake
