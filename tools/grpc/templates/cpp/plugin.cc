// A plugin for onetake: notes that callers leave. Take it, and put your own system in its place.
#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "onetake/v1/plugin.grpc.pb.h"

namespace {

namespace v1 = onetake::v1;
using Json = nlohmann::json;

constexpr int64_t kDayMs = 24 * 3600 * 1000;

// Stands for your system, one that honours idempotency keys and can be asked about them.
class Notes {
 public:
  // The same key again is the same note: a retry makes no second one.
  Json Add(const std::string& key, const std::string& text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const size_t next = by_key_.size() + 1;
    return by_key_.emplace(key, Json{{"id", next}, {"text", text}}).first->second;
  }
  std::optional<Json> Find(const std::string& key) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return std::nullopt;
    return found->second;
  }
  Json All() {
    const std::lock_guard<std::mutex> lock(mutex_);
    Json notes = Json::array();
    for (const auto& [key, note] : by_key_) notes.push_back(note);
    return notes;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, Json> by_key_;
};

// The keys of the writes that are being done.
class Running {
 public:
  class Hold {
   public:
    Hold(Running& running, std::string key) : running_(running), key_(std::move(key)) {
      const std::lock_guard<std::mutex> lock(running_.mutex_);
      running_.keys_.insert(key_);
    }
    ~Hold() {
      const std::lock_guard<std::mutex> lock(running_.mutex_);
      running_.keys_.erase(running_.keys_.find(key_));
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    Running& running_;
    const std::string key_;
  };
  bool Has(const std::string& key) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return keys_.count(key) != 0;
  }

 private:
  std::mutex mutex_;
  std::multiset<std::string> keys_;
};

v1::InvokeEvent Result(v1::InvokeOutcome outcome, const Json& value) {
  v1::InvokeEvent event;
  event.mutable_result()->set_outcome(outcome);
  event.mutable_result()->set_result_json(value.dump());
  return event;
}

class Plugin final : public v1::ToolPlugin::Service {
 public:
  grpc::Status Describe(grpc::ServerContext* /*context*/, const v1::DescribeRequest* /*request*/,
                        v1::DescribeResponse* response) override {
    response->set_name("notes");
    response->set_version("1");
    v1::PluginTool& add = *response->add_tools();
    add.set_name("add_note");
    add.set_description("Leaves a note for the practice.");
    add.set_effect(v1::EFFECT_WRITE);
    add.set_key_retention_ms(kDayMs);
    add.set_can_probe(true);
    add.set_parameters_json(
        R"({"type":"object","properties":{"text":{"type":"string","minLength":1,"maxLength":500}},
            "required":["text"],"additionalProperties":false})");
    v1::PluginTool& list = *response->add_tools();
    list.set_name("list_notes");
    list.set_description("The notes that were left.");
    list.set_effect(v1::EFFECT_READ);
    list.set_parameters_json(R"({"type":"object","additionalProperties":false})");
    return grpc::Status::OK;
  }

  // One attempt. Never retry in here: onetake decides that, and has to know of every send.
  grpc::Status Invoke(grpc::ServerContext* context, const v1::InvokeRequest* request,
                      grpc::ServerWriter<v1::InvokeEvent>* events) override {
    if (request->tool() == "list_notes") {
      events->Write(Result(v1::INVOKE_OUTCOME_SUCCEEDED, {{"notes", notes_.All()}}));
      return grpc::Status::OK;
    }
    if (request->tool() != "add_note") return {grpc::StatusCode::UNIMPLEMENTED, "no such tool"};
    const std::string text = Json::parse(request->arguments_json()).at("text");
    if (text.find_first_not_of(' ') == std::string::npos) {
      // Before anything was done: surely no effect.
      events->Write(Result(v1::INVOKE_OUTCOME_REJECTED, {{"error", "the note is empty"}}));
      return grpc::Status::OK;
    }
    const Running::Hold running(running_, request->key());
    // Nobody waits any more, and a probe may have said "not applied": do not begin.
    if (context->IsCancelled()) return grpc::Status::CANCELLED;
    v1::InvokeEvent progress;
    progress.mutable_progress()->set_text("writing the note");
    progress.mutable_progress()->set_progress(1);
    progress.mutable_progress()->set_total(2);
    events->Write(progress);
    // An exception from here on ends the stream without a result: onetake takes it as "may have
    // happened", which is the truth.
    events->Write(Result(v1::INVOKE_OUTCOME_SUCCEEDED, notes_.Add(request->key(), text)));
    return grpc::Status::OK;
  }

  grpc::Status Probe(grpc::ServerContext* /*context*/, const v1::ProbeRequest* request,
                     v1::ProbeResponse* response) override {
    // A write that runs may yet take effect, also when its deadline has passed: of one, never say
    // "not applied". Look at this first, and a write that ends meanwhile is found.
    const bool running = running_.Has(request->key());
    const std::optional<Json> note = notes_.Find(request->key());
    if (note.has_value()) {
      response->set_verdict(v1::PROBE_VERDICT_APPLIED);
      response->set_result_json(note->dump());
    } else {
      response->set_verdict(running ? v1::PROBE_VERDICT_INCONCLUSIVE
                                    : v1::PROBE_VERDICT_NOT_APPLIED);
    }
    return grpc::Status::OK;
  }

 private:
  Notes notes_;
  Running running_;
};

}  // namespace

int main() {
  const char* socket = std::getenv("ONETAKE_PLUGIN_SOCKET");
  if (socket == nullptr) {
    std::cerr << "onetaked starts this program, and sets ONETAKE_PLUGIN_SOCKET\n";
    return 1;
  }
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  Plugin plugin;
  const std::string address = std::string("unix:") + socket;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  builder.RegisterService(&plugin);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  // The handshake: the only line on standard output. Log to standard error.
  std::cout << "onetake-plugin 1 " << address << std::endl;
  int signal = 0;
  sigwait(&stop, &signal);
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  return 0;
}
