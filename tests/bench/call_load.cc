// Usage: call_load --server ADDRESS [--workload new|replay|read|join] [--in-flight N] ...
//
// Keeps so many Execute calls under way for some seconds, over some connections, and prints one
// line of JSON: how many were answered a second, how long they took, and what with. With --rate it
// begins so many a second whatever becomes of them, up to --in-flight at once. One thread and one
// completion queue, so that it costs the machine as little as a client can.

#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "onetake/v1/runtime.grpc.pb.h"

namespace onetake {
namespace {

struct Arguments {
  std::string server;
  std::string workload = "new";
  std::string tool = "book";
  std::string run = "r";  // keeps the intents of one run apart from those of another
  int in_flight = 64;
  int channels = 4;
  double seconds = 5;
  double warm_up = 1;
  double rate = 0;
};

constexpr int kJoiners = 16;    // calls of one intent in the workload "join"
constexpr int kReplayed = 512;  // intents that the workload "replay" asks for again

class Load {
 public:
  explicit Load(const Arguments& arguments) : arguments_(arguments) {
    grpc::ChannelArguments options;
    options.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    options.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    for (int i = 0; i < arguments.channels; ++i) {
      stubs_.push_back(v1::ToolRuntime::NewStub(grpc::CreateCustomChannel(
          arguments.server, grpc::InsecureChannelCredentials(), options)));
    }
    calls_.resize(static_cast<size_t>(arguments.in_flight));
  }

  void Run() {
    if (arguments_.workload == "replay") FirstTimes();
    begin_ = absl::Now() + absl::Seconds(arguments_.warm_up);
    end_ = begin_ + absl::Seconds(arguments_.seconds);
    if (arguments_.rate > 0) return RunAtRate();
    for (Call& call : calls_) Start(call);
    Drain([this](Call& call) {
      if (absl::Now() < end_) Start(call);
    });
  }

  void Print() {
    std::sort(latencies_us_.begin(), latencies_us_.end());
    std::string counts;
    for (const auto& [what, count] : counts_) {
      absl::StrAppend(&counts, counts.empty() ? "" : ",", "\"", what, "\":", count);
    }
    std::cout << absl::StrFormat(
        "{\"workload\":\"%s\",\"in_flight\":%d,\"calls\":%d,\"not_begun\":%d,\"per_second\":%.0f,"
        "\"good_per_second\":%.0f,\"p50_us\":%d,\"p99_us\":%d,\"p999_us\":%d,\"refused_p99_us\":%d,"
        "\"answers\":{%s}}"
        "\n",
        arguments_.workload, arguments_.in_flight, measured_, not_begun_,
        measured_ / arguments_.seconds, good_ / arguments_.seconds, At(latencies_us_, 0.5),
        At(latencies_us_, 0.99), At(latencies_us_, 0.999), RefusedP99(), counts);
  }

 private:
  struct Call {
    std::unique_ptr<grpc::ClientContext> context;
    v1::ExecuteRequest request;
    v1::ExecuteResponse response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<v1::ExecuteResponse>> reader;
    absl::Time begun;
  };

  static int64_t At(const std::vector<int64_t>& sorted, double share) {
    if (sorted.empty()) return 0;
    const double at = share * static_cast<double>(sorted.size());
    return sorted[std::min(sorted.size() - 1, static_cast<size_t>(at))];
  }
  int64_t RefusedP99() {
    std::sort(refused_us_.begin(), refused_us_.end());
    return At(refused_us_, 0.99);
  }

  int64_t NumberOf(int64_t call) const {
    if (arguments_.workload == "replay") return call % kReplayed;
    if (arguments_.workload == "join") return call / kJoiners;
    return call;
  }

  void Fill(int64_t number, v1::ExecuteRequest& request) const {
    request.Clear();
    if (arguments_.workload == "read") {
      request.set_tool("find");
      request.set_arguments_json(absl::StrCat("{\"slot\":\"s-", number, "\"}"));
    } else {
      request.set_tool(arguments_.tool);
      request.set_arguments_json(absl::StrFormat(
          R"({"slot":"2026-06-24T14:00:00-05:00","patient":"%s-%d","note":"by phone"})",
          arguments_.run, number));
    }
    request.set_session_id(absl::StrCat(arguments_.run, "-", number / 4));
    request.set_tool_call_id(absl::StrCat("call_", next_));
    request.set_patience_ms(20'000);
  }

  void Start(Call& call) {
    Fill(NumberOf(next_), call.request);
    v1::ToolRuntime::Stub& stub = *stubs_[static_cast<size_t>(next_) % stubs_.size()];
    ++next_;
    call.context = std::make_unique<grpc::ClientContext>();
    call.context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    call.begun = absl::Now();
    call.reader = stub.AsyncExecute(call.context.get(), call.request, &queue_);
    call.reader->Finish(&call.response, &call.status, &call);
    ++open_;
  }

  template <typename Next>
  void Drain(Next next) {
    void* tag = nullptr;
    bool ok = false;
    while (open_ > 0 && queue_.Next(&tag, &ok)) next(Ended(tag));
  }
  Call& Ended(void* tag) {
    Call& call = *static_cast<Call*>(tag);
    --open_;
    Count(call);
    return call;
  }

  void RunAtRate() {
    std::vector<Call*> free;
    for (Call& call : calls_) free.push_back(&call);
    const absl::Duration every = absl::Seconds(1) / arguments_.rate;
    absl::Time due = absl::Now();
    for (absl::Time now = due; now < end_; now = absl::Now()) {
      for (; due <= now; due += every) {
        if (free.empty()) {
          ++not_begun_;
        } else {
          Start(*free.back());
          free.pop_back();
        }
      }
      void* tag = nullptr;
      bool ok = false;
      while (queue_.AsyncNext(&tag, &ok, absl::ToChronoTime(due)) ==
             grpc::CompletionQueue::GOT_EVENT) {
        free.push_back(&Ended(tag));
        if (absl::Now() >= due) break;
      }
    }
    Drain([](Call&) {});
  }

  void Count(const Call& call) {
    const absl::Time now = absl::Now();
    if (now < begin_ || now >= end_) return;
    const int64_t took_us = absl::ToInt64Microseconds(now - call.begun);
    ++measured_;
    if (call.status.ok()) {
      ++counts_[v1::Disposition_Name(call.response.disposition())];
      latencies_us_.push_back(took_us);
      if (call.response.disposition() == v1::DISPOSITION_DONE) ++good_;
    } else {
      ++counts_[absl::StrCat("status ", static_cast<int>(call.status.error_code()))];
      refused_us_.push_back(took_us);
    }
  }

  // What is asked for again must have been done once.
  void FirstTimes() {
    begin_ = end_ = absl::InfinitePast();
    for (Call& call : calls_) {
      if (next_ < kReplayed) Start(call);
    }
    Drain([this](Call& call) {
      if (next_ < kReplayed) Start(call);
    });
  }

  const Arguments& arguments_;
  std::vector<std::unique_ptr<v1::ToolRuntime::Stub>> stubs_;
  grpc::CompletionQueue queue_;
  std::vector<Call> calls_;
  absl::Time begin_, end_;
  int64_t next_ = 0, open_ = 0, measured_ = 0, good_ = 0, not_begun_ = 0;
  std::vector<int64_t> latencies_us_, refused_us_;
  std::map<std::string, int64_t> counts_;
};

}  // namespace
}  // namespace onetake

int main(int argc, char** argv) {
  onetake::Arguments arguments;
  CLI::App app("Load for onetaked, or for the bare echo server");
  app.add_option("--server", arguments.server, "Its address")->required();
  app.add_option("--workload", arguments.workload, "What is asked")
      ->check(CLI::IsMember({"new", "replay", "read", "join"}))
      ->capture_default_str();
  app.add_option("--tool", arguments.tool, "Of the writes")->capture_default_str();
  app.add_option("--run", arguments.run, "A name; another one for every run on one ledger")
      ->capture_default_str();
  app.add_option("--in-flight", arguments.in_flight, "Calls at once")->capture_default_str();
  app.add_option("--channels", arguments.channels, "Connections")->capture_default_str();
  app.add_option("--seconds", arguments.seconds, "For how long it measures")->capture_default_str();
  app.add_option("--warm-up", arguments.warm_up, "Seconds before that")->capture_default_str();
  app.add_option("--rate", arguments.rate, "Calls to begin a second; 0: whenever one has ended")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  onetake::Load load(arguments);
  load.Run();
  load.Print();
}
