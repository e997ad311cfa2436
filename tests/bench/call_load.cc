// Usage: call_load --server ADDRESS [--workload new|replay|read|join|session|audit] ...
//
// Keeps so many Execute calls under way for some seconds, over some connections, and prints one
// line of JSON: how many were answered a second, how long they took, and what with. With --rate it
// begins so many a second whatever becomes of them, up to --in-flight at once. With --heed a call
// that is refused is made again when its refusal says, as callers do who want to be served. One
// thread and one completion queue, so that it costs the machine as little as a client can.
//
// "session": new writes over Session streams. "audit": pages of ListIntents instead, one after
// another. "replay" asks again for what a run of the same name did with --first-times.

#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "google/rpc/status.pb.h"
#include "onetake/v1/ledger.grpc.pb.h"
#include "onetake/v1/runtime.grpc.pb.h"
#include "tests/bench/call_plan.h"
#include "tests/bench/session_load.h"

namespace onetake::bench {
namespace {

absl::Duration ToldToWait(const grpc::Status& refused) {
  google::rpc::Status envelope;
  v1::ErrorDetail detail;
  const bool told = envelope.ParseFromString(refused.error_details()) &&
                    envelope.details_size() == 1 && envelope.details(0).UnpackTo(&detail);
  return told ? absl::Milliseconds(detail.retry_after_ms()) : absl::ZeroDuration();
}

class Load {
 public:
  explicit Load(const LoadArguments& arguments)
      : arguments_(arguments), next_(arguments.workload == "replay" ? kReplayed : 0) {
    grpc::ChannelArguments options;
    options.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    options.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    for (int i = 0; i < arguments.channels; ++i) {
      stubs_.push_back(v1::ToolRuntime::NewStub(grpc::CreateCustomChannel(
          arguments.server, grpc::InsecureChannelCredentials(), options)));
    }
    calls_.resize(static_cast<size_t>(arguments.in_flight));
  }

  // What "replay" asks for again. False: some of it was not done.
  bool FirstTimes() {
    next_ = 0;
    bool done = true;
    for (Call& call : calls_) {
      if (next_ < kReplayed) Start(call);
    }
    Drain([&](Call& call) {
      if (call.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
        absl::SleepFor(ToldToWait(call.status));
        return Send(call);
      }
      done = done && call.status.ok() && call.response.disposition() == v1::DISPOSITION_DONE;
      if (next_ < kReplayed) Start(call);
    });
    return done;
  }

  void Run(Tally& tally) {
    tally_ = &tally;
    if (arguments_.rate > 0) return RunAtRate();
    for (Call& call : calls_) Start(call);
    if (arguments_.heed) return RunHeeding();
    Drain([this](Call& call) {
      if (!tally_->IsOver()) Start(call);
    });
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

  void Start(Call& call) {
    FillCall(arguments_, next_++, call.request);
    Send(call);
  }

  void Send(Call& call) {
    v1::ToolRuntime::Stub& stub = *stubs_[sent_++ % stubs_.size()];
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
    if (tally_ != nullptr) {
      tally_->Count(call.begun, static_cast<int>(call.status.error_code()), call.response);
    }
    return call;
  }

  void RunHeeding() {
    std::multimap<absl::Time, Call*> waiting;
    while (!tally_->IsOver()) {
      const absl::Time due = waiting.empty() ? tally_->end() : waiting.begin()->first;
      void* tag = nullptr;
      bool ok = false;
      if (queue_.AsyncNext(&tag, &ok, absl::ToChronoTime(due)) ==
          grpc::CompletionQueue::GOT_EVENT) {
        Call& call = Ended(tag);
        if (call.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
          waiting.emplace(absl::Now() + ToldToWait(call.status), &call);
        } else {
          Start(call);
        }
      }
      for (const absl::Time now = absl::Now(); !waiting.empty() && waiting.begin()->first <= now;) {
        Send(*waiting.extract(waiting.begin()).mapped());
      }
    }
    Drain([](Call&) {});
  }

  void RunAtRate() {
    std::vector<Call*> free;
    for (Call& call : calls_) free.push_back(&call);
    const absl::Duration every = absl::Seconds(1) / arguments_.rate;
    absl::Time due = absl::Now();
    for (absl::Time now = due; now < tally_->end(); now = absl::Now()) {
      for (; due <= now; due += every) {
        if (free.empty()) {
          tally_->NotBegun();
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

  const LoadArguments& arguments_;
  Tally* tally_ = nullptr;  // none: it is not counted
  std::vector<std::unique_ptr<v1::ToolRuntime::Stub>> stubs_;
  grpc::CompletionQueue queue_;
  std::vector<Call> calls_;
  int64_t next_, open_ = 0;
  size_t sent_ = 0;
};

// An auditor's client, which reads the ledger page by page and then again.
int Audit(const LoadArguments& arguments, Tally& tally) {
  const auto stub = v1::LedgerService::NewStub(
      grpc::CreateChannel(arguments.server, grpc::InsecureChannelCredentials()));
  v1::ListIntentsRequest request;
  request.set_page_size(100);
  while (!tally.IsOver()) {
    grpc::ClientContext context;
    v1::ListIntentsResponse page;
    const absl::Time begun = absl::Now();
    if (const grpc::Status status = stub->ListIntents(&context, request, &page); !status.ok()) {
      // A question is given some seconds, and refused while the reader is behind.
      if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED ||
          status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
        absl::SleepFor(ToldToWait(status));
        continue;
      }
      std::cerr << status.error_message() << "\n";
      return 1;
    }
    tally.CountPage(begun);
    request.set_page_token(page.next_page_token());
  }
  tally.Print();
  return 0;
}

int Run(const LoadArguments& arguments) {
  Load load(arguments);
  if (arguments.first_times) {
    if (load.FirstTimes()) return 0;
    std::cerr << "a first time was not answered DONE\n";
    return 1;
  }
  const absl::Time begin = absl::Now() + absl::Seconds(arguments.warm_up);
  Tally tally(arguments, begin, begin + absl::Seconds(arguments.seconds));
  if (arguments.workload == "audit") return Audit(arguments, tally);
  if (arguments.workload == "session") RunSessions(arguments, tally);
  load.Run(tally);
  tally.Print();
  return 0;
}

}  // namespace
}  // namespace onetake::bench

int main(int argc, char** argv) {
  onetake::bench::LoadArguments arguments;
  CLI::App app("Load for onetaked, or for the bare echo server");
  app.add_option("--server", arguments.server, "Its address")->required();
  app.add_option("--workload", arguments.workload, "What is asked")
      ->check(CLI::IsMember({"new", "replay", "read", "join", "session", "audit"}))
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
  app.add_flag("--heed", arguments.heed, "Make what is refused again, when the refusal says");
  app.add_flag("--first-times", arguments.first_times,
               "Do once what \"replay\" asks for again, and count nothing");
  CLI11_PARSE(app, argc, argv);
  return onetake::bench::Run(arguments);
}
