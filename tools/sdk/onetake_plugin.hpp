// A native plugin of onetake in C++17, on the C ABI of onetake_plugin.h, whose rules hold:
//
//   class Notes final : public onetake_sdk::Plugin { ... };
//   ONETAKE_PLUGIN(Notes)     // once, in one .cc file; Notes(const std::string& settings_json)
//
// An exception that leaves the constructor is an error of the load; one that leaves Invoke() is
// "may have happened", one that leaves Probe() inconclusive.
#pragma once

#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include "onetake_plugin.h"

namespace onetake_sdk {

inline std::string_view View(onetake_text text) { return {text.data, text.size}; }
inline onetake_text Text(std::string_view text) { return {text.data(), text.size()}; }

// One attempt, or the question about one. Valid until the function that got it returns.
class Call {
 public:
  explicit Call(const onetake_call& call) : call_(call) {}
  std::string_view tool() const { return View(call_.tool); }
  std::string_view arguments_json() const { return View(call_.arguments_json); }
  std::string_view key() const { return View(call_.key); }
  int attempt() const { return call_.attempt; }
  bool cancelled() const { return call_.is_cancelled(call_.host) != 0; }
  int64_t time_left_ms() const { return call_.time_left_ms(call_.host); }
  void Progress(std::string_view text, double progress = 0, double total = 0) const {
    call_.progress(call_.host, Text(text), progress, total);
  }

 private:
  const onetake_call& call_;
};

struct Result {
  enum class Outcome {
    kMayHaveHappened = ONETAKE_MAY_HAVE_HAPPENED,
    kSucceeded = ONETAKE_SUCCEEDED,
    kRejected = ONETAKE_REJECTED,
    kNoEffect = ONETAKE_NO_EFFECT,
  };
  Outcome outcome = Outcome::kMayHaveHappened;
  std::string result_json;
  std::string error;
  int64_t retry_after_ms = 0;
};

struct ProbeResult {
  enum class Verdict {
    kInconclusive = ONETAKE_PROBE_INCONCLUSIVE,
    kApplied = ONETAKE_PROBE_APPLIED,
    kNotApplied = ONETAKE_PROBE_NOT_APPLIED,
  };
  Verdict verdict = Verdict::kInconclusive;
  std::string result_json;
};

class Plugin {
 public:
  virtual ~Plugin() = default;
  // The JSON text of onetake_plugin.describe.
  virtual std::string Describe() = 0;
  // Called from several threads at once.
  virtual Result Invoke(const Call& call) = 0;
  virtual ProbeResult Probe(const Call& /*call*/) { return {}; }
};

namespace internal {

struct Instance {
  std::unique_ptr<Plugin> plugin;
  std::string description;
};

// Keeps the texts of one result until it is freed.
struct Texts {
  std::string result_json;
  std::string error;
};

inline void Fill(onetake_result* out, int32_t outcome, std::string result_json, std::string error) {
  auto* texts = new Texts{std::move(result_json), std::move(error)};
  out->outcome = outcome;
  out->result_json = Text(texts->result_json);
  out->error = Text(texts->error);
  out->owner = texts;
}

inline void Invoke(void* self, const onetake_call* call, onetake_result* out) {
  Result result;
  try {
    result = static_cast<Instance*>(self)->plugin->Invoke(Call(*call));
  } catch (const std::exception&) {
    result = {Result::Outcome::kMayHaveHappened, "", "the plugin threw an exception", 0};
  } catch (...) {
    result = {Result::Outcome::kMayHaveHappened, "", "the plugin threw something", 0};
  }
  out->retry_after_ms = result.retry_after_ms;
  Fill(out, static_cast<int32_t>(result.outcome), std::move(result.result_json),
       std::move(result.error));
}

inline void Probe(void* self, const onetake_call* call, onetake_result* out) {
  ProbeResult result;
  std::string error;
  try {
    result = static_cast<Instance*>(self)->plugin->Probe(Call(*call));
  } catch (...) {
    error = "the plugin threw an exception";
  }
  Fill(out, static_cast<int32_t>(result.verdict), std::move(result.result_json), std::move(error));
}

inline onetake_text Describe(void* self) { return Text(static_cast<Instance*>(self)->description); }
inline void FreeResult(void* /*self*/, onetake_result* result) {
  delete static_cast<Texts*>(result->owner);
}
inline void Destroy(void* self) { delete static_cast<Instance*>(self); }

template <typename P>
int Create(uint32_t abi, onetake_text settings_json, onetake_plugin* plugin, char* error,
           size_t error_size) {
  if (abi != ONETAKE_PLUGIN_ABI || plugin->struct_size < sizeof(onetake_plugin)) {
    std::snprintf(error, error_size, "built for plugin ABI %u", ONETAKE_PLUGIN_ABI);
    return 1;
  }
  try {
    auto instance = std::make_unique<Instance>();
    instance->plugin = std::make_unique<P>(std::string(View(settings_json)));
    instance->description = instance->plugin->Describe();
    plugin->self = instance.release();
  } catch (const std::exception& problem) {
    std::snprintf(error, error_size, "%s", problem.what());
    return 1;
  } catch (...) {
    std::snprintf(error, error_size, "the plugin threw something");
    return 1;
  }
  plugin->abi = ONETAKE_PLUGIN_ABI;
  plugin->describe = &Describe;
  plugin->invoke = &Invoke;
  plugin->probe = &Probe;
  plugin->free_result = &FreeResult;
  plugin->destroy = &Destroy;
  return 0;
}

}  // namespace internal
}  // namespace onetake_sdk

#define ONETAKE_PLUGIN(Class)                                                                    \
  extern "C" int onetake_plugin_create(uint32_t abi, onetake_text settings,                      \
                                       onetake_plugin* plugin, char* error, size_t error_size) { \
    return onetake_sdk::internal::Create<Class>(abi, settings, plugin, error, error_size);       \
  }
