// onetake-plugin-host: a native plugin as a gRPC plugin, so that one that crashes takes only itself
// down. Started by onetaked; speaks the protocol of tools/grpc/README.md.
#include <grpcpp/grpcpp.h>
#include <pthread.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "onetake/v1/plugin.grpc.pb.h"
#include "runtime/base/limits.h"
#include "tools/native/call_gate.h"
#include "tools/native/native_library.h"
#include "tools/native/running_calls.h"
#include "tools/plugin/plugin_report.h"

namespace onetake {
namespace {

constexpr int kCannotLoad = 2;
constexpr int kCannotListen = 3;
constexpr absl::Duration kProgressPause = absl::Milliseconds(50);
// How much of a call's time is left when it is refused because it could not be begun: its answer
// has to arrive before the time is over.
constexpr absl::Duration kRefuseBefore = absl::Milliseconds(100);

// gRPC carries UTF-8 alone: a result that is none would lose the outcome with it. What cannot be
// recorded is replaced by something that is no JSON either.
std::string Sendable(std::string result_json) {
  if (result_json.empty() || IsRecordable(result_json)) return result_json;
  return "not JSON, or too long";
}

// One call of the library for one RPC. The library may tell progress from any thread.
class RpcHost final : public CallHost {
 public:
  RpcHost(grpc::ServerContext& context, grpc::ServerWriter<v1::InvokeEvent>* events)
      : context_(context), events_(events) {}
  bool IsCancelled() override { return context_.IsCancelled(); }
  absl::Time Ends() const { return absl::FromChrono(context_.deadline()); }
  absl::Duration TimeLeft() override { return Ends() - absl::Now(); }
  void Progress(AttemptProgress progress) override {
    if (events_ == nullptr) return;
    absl::MutexLock lock(&mutex_);
    const absl::Time now = absl::Now();
    if (now - last_told_ < kProgressPause) return;
    last_told_ = now;
    v1::InvokeEvent event;
    event.mutable_progress()->set_text(Printable(progress.text, limits::kProgressBytes));
    event.mutable_progress()->set_progress(progress.progress);
    event.mutable_progress()->set_total(progress.total);
    events_->Write(event);
  }

 private:
  grpc::ServerContext& context_;
  grpc::ServerWriter<v1::InvokeEvent>* const events_;
  absl::Mutex mutex_;
  absl::Time last_told_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

v1::InvokeOutcome ToProto(PluginResult::Outcome outcome) {
  switch (outcome) {
    case PluginResult::Outcome::kSucceeded: return v1::INVOKE_OUTCOME_SUCCEEDED;
    case PluginResult::Outcome::kRejected: return v1::INVOKE_OUTCOME_REJECTED;
    case PluginResult::Outcome::kNoEffect: return v1::INVOKE_OUTCOME_NO_EFFECT;
    case PluginResult::Outcome::kMayHaveHappened: break;
  }
  return v1::INVOKE_OUTCOME_MAY_HAVE_HAPPENED;
}

v1::ProbeVerdict ToProto(ProbeReport::Finding finding) {
  switch (finding) {
    case ProbeReport::Finding::kApplied: return v1::PROBE_VERDICT_APPLIED;
    case ProbeReport::Finding::kNotApplied: return v1::PROBE_VERDICT_NOT_APPLIED;
    case ProbeReport::Finding::kInconclusive: break;
  }
  return v1::PROBE_VERDICT_INCONCLUSIVE;
}

class HostService final : public v1::ToolPlugin::Service {
 public:
  HostService(NativeLibrary& library, int threads) : library_(library), gate_(threads) {}

  grpc::Status Describe(grpc::ServerContext* /*context*/, const v1::DescribeRequest* /*request*/,
                        v1::DescribeResponse* response) override {
    const PluginDescription& description = library_.description();
    response->set_name(description.name);
    response->set_version(description.version);
    for (const PluginDescription::Tool& tool : description.tools) {
      v1::PluginTool& offered = *response->add_tools();
      offered.set_name(tool.name);
      offered.set_description(tool.description);
      offered.set_parameters_json(tool.parameters_json);
      offered.set_effect(tool.effect == Effect::kRead ? v1::EFFECT_READ : v1::EFFECT_WRITE);
      offered.set_key_retention_ms(absl::ToInt64Milliseconds(tool.key_retention));
      offered.set_can_probe(tool.can_probe);
    }
    return grpc::Status::OK;
  }

  grpc::Status Invoke(grpc::ServerContext* context, const v1::InvokeRequest* request,
                      grpc::ServerWriter<v1::InvokeEvent>* events) override {
    RpcHost host(*context, events);
    const RunningCalls::Hold running(running_, request->tool(), request->key());
    const absl::Time ends = host.Ends();
    if (!gate_.Enter(ends - kRefuseBefore, ends)) return TooBusy(*events);
    // gRPC counts the time from when it reads the call, which is late when this process stood
    // still.
    if (host.IsCancelled()) {
      gate_.Leave(ends);
      return TooBusy(*events);
    }
    PluginResult result = library_.Invoke({.tool = request->tool(),
                                           .arguments_json = request->arguments_json(),
                                           .key = request->key(),
                                           .attempt = request->attempt(),
                                           .timeout = host.TimeLeft()},
                                          host);
    gate_.Leave(ends);
    v1::InvokeEvent event;
    v1::InvokeResult& answer = *event.mutable_result();
    answer.set_outcome(ToProto(result.outcome));
    answer.set_result_json(Sendable(std::move(result.result_json)));
    answer.set_error(Printable(result.error, kErrorBytes));
    if (result.retry_after.has_value()) {
      answer.set_retry_after_ms(absl::ToInt64Milliseconds(*result.retry_after));
    }
    events->Write(event);
    return grpc::Status::OK;
  }

  grpc::Status Probe(grpc::ServerContext* context, const v1::ProbeRequest* request,
                     v1::ProbeResponse* response) override {
    RpcHost host(*context, nullptr);
    // Inconclusive, by default.
    const absl::Time ends = host.Ends();
    if (!gate_.Enter(ends - kRefuseBefore, ends)) return grpc::Status::OK;
    // This is looked at before the library is, which finds a call that returns meanwhile.
    const bool still_runs = running_.Has(request->tool(), request->key());
    ProbeReport report = library_.Probe({.tool = request->tool(),
                                         .arguments_json = request->arguments_json(),
                                         .key = request->key(),
                                         .timeout = host.TimeLeft()},
                                        host);
    gate_.Leave(ends);
    // Whoever believed that would send it again beside the one that runs.
    if (still_runs && report.finding == ProbeReport::Finding::kNotApplied) return grpc::Status::OK;
    response->set_verdict(ToProto(report.finding));
    response->set_result_json(Sendable(std::move(report.result_json)));
    return grpc::Status::OK;
  }

 private:
  static grpc::Status TooBusy(grpc::ServerWriter<v1::InvokeEvent>& events) {
    v1::InvokeEvent event;
    event.mutable_result()->set_outcome(v1::INVOKE_OUTCOME_NO_EFFECT);
    event.mutable_result()->set_error("all threads of the plugin are busy");
    events.Write(event);
    return grpc::Status::OK;
  }

  NativeLibrary& library_;
  RunningCalls running_;
  CallGate gate_;
};

// Takes the settings from the environment: they may hold secrets, and only our user can read that.
std::string TakeSettings() {
  const char* settings = std::getenv("ONETAKE_PLUGIN_SETTINGS");
  std::string text = settings == nullptr ? "{}" : settings;
  unsetenv("ONETAKE_PLUGIN_SETTINGS");
  return text;
}

struct Arguments {
  std::string path;
  std::string sha256;
  int threads = 4;
};

int Serve(const Arguments& arguments, const std::string& socket) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  const absl::StatusOr<std::unique_ptr<NativeLibrary>> library =
      NativeLibrary::Load(arguments.path, arguments.sha256, TakeSettings());
  if (!library.ok()) {
    std::cerr << "onetake-plugin-host: " << library.status().message() << "\n";
    return kCannotLoad;
  }
  HostService service(**library, arguments.threads);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return kCannotListen;
  std::cout << "onetake-plugin 1 unix:" << socket << std::endl;
  int signal = 0;
  sigwait(&stop, &signal);
  // A call that hangs must not keep us: onetaked takes it for lost anyway.
  std::_Exit(0);
}

int Main(int argc, char** argv) {
  CLI::App app("onetake-plugin-host: runs a native plugin beside onetaked, which starts it");
  Arguments arguments;
  app.add_option("library", arguments.path, "The plugin's shared library")->required();
  app.add_option("sha256", arguments.sha256, "Its SHA-256, 64 hex digits")->required();
  app.add_option("--threads", arguments.threads, "Calls of it that run at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.footer(
      "ONETAKE_PLUGIN_SOCKET says where to listen, ONETAKE_PLUGIN_SETTINGS holds the settings.\n"
      "Exit codes: 1 usage, 2 the library cannot be loaded, 3 no socket.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 1;
  }
  const char* socket = std::getenv("ONETAKE_PLUGIN_SOCKET");
  if (socket == nullptr) {
    std::cerr << "onetake-plugin-host: ONETAKE_PLUGIN_SOCKET is not set\n";
    return 1;
  }
  return Serve(arguments, socket);
}

}  // namespace
}  // namespace onetake

int main(int argc, char** argv) { return onetake::Main(argc, argv); }
