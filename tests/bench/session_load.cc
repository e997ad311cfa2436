#include "tests/bench/session_load.h"

#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <deque>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "onetake/v1/runtime.grpc.pb.h"

namespace onetake::bench {
namespace {

constexpr int kCallsOfASession = 4;

// One stream. gRPC allows it one write and one read at a time.
class Stream {
 public:
  enum class Op { kStarted, kWritten, kRead };
  struct Tag {
    Stream* stream;
    Op op;
  };

  Stream(const LoadArguments& arguments, v1::ToolRuntime::Stub& stub, grpc::CompletionQueue& queue,
         std::string session, int64_t& next, Tally& tally)
      : arguments_(arguments), session_(std::move(session)), next_(next), tally_(tally) {
    stream_ = stub.AsyncSession(&context_, &queue, &started_);
  }

  void Proceed(Op op, int in_flight) {
    switch (op) {
      case Op::kStarted:
        outbox_.emplace_back().mutable_open()->set_session_id(session_);
        for (int i = 0; i < in_flight; ++i) AddCall();
        stream_->Read(&event_, &read_);
        return Write();
      case Op::kWritten: writing_ = false; return Write();
      case Op::kRead: return OnEvent();
    }
  }

 private:
  void AddCall() {
    const int64_t number = next_++;
    v1::SessionExecute& execute = *outbox_.emplace_back().mutable_execute();
    execute.set_request_id(absl::StrCat(number));
    FillCall(arguments_, number, *execute.mutable_call());
    execute.mutable_call()->set_session_id(session_);
    begun_[execute.request_id()] = absl::Now();
  }
  void Write() {
    if (writing_ || outbox_.empty()) return;
    writing_ = true;
    stream_->Write(outbox_.front(), &written_);
    outbox_.pop_front();
  }
  void OnEvent() {
    const auto begun = begun_.find(event_.request_id());
    if (begun != begun_.end() && (event_.has_result() || event_.has_error())) {
      tally_.Count(begun->second, event_.error().code(), event_.result());
      begun_.erase(begun);
      AddCall();
      Write();
    }
    stream_->Read(&event_, &read_);
  }

  const LoadArguments& arguments_;
  const std::string session_;
  int64_t& next_;
  Tally& tally_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::SessionRequest, v1::SessionEvent>> stream_;
  Tag started_{this, Op::kStarted}, written_{this, Op::kWritten}, read_{this, Op::kRead};
  v1::SessionEvent event_;
  std::deque<v1::SessionRequest> outbox_;
  bool writing_ = false;
  absl::flat_hash_map<std::string, absl::Time> begun_;
};

}  // namespace

void RunSessions(const LoadArguments& arguments, Tally& tally) {
  std::vector<std::unique_ptr<v1::ToolRuntime::Stub>> stubs;
  for (int i = 0; i < arguments.channels; ++i) {
    grpc::ChannelArguments options;
    options.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stubs.push_back(v1::ToolRuntime::NewStub(
        grpc::CreateCustomChannel(arguments.server, grpc::InsecureChannelCredentials(), options)));
  }
  grpc::CompletionQueue queue;
  int64_t next = 0;
  std::vector<std::unique_ptr<Stream>> streams;
  const int of_each = std::min(kCallsOfASession, arguments.in_flight);
  for (int i = 0; i * of_each < arguments.in_flight; ++i) {
    streams.push_back(std::make_unique<Stream>(arguments,
                                               *stubs[static_cast<size_t>(i) % stubs.size()], queue,
                                               absl::StrCat(arguments.run, "-s", i), next, tally));
  }
  void* tag = nullptr;
  bool ok = false;
  while (!tally.IsOver() && queue.Next(&tag, &ok)) {
    const auto& [stream, op] = *static_cast<Stream::Tag*>(tag);
    if (!ok) {
      std::cerr << "a session has ended\n";
      std::exit(1);
    }
    stream->Proceed(op, of_each);
  }
  // The calls that are under way go on without their streams.
  tally.Print();
  std::cout.flush();
  std::_Exit(0);
}

}  // namespace onetake::bench
