// Usage: echo_server --listen ADDRESS --edge callback|queue
//
// A bare gRPC server with our messages, which answers every Execute DONE with the arguments as the
// result: what the transport alone costs. With the callback API, or with one completion queue on
// one thread. Prints its address; ends on SIGTERM.

#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include "onetake/v1/runtime.grpc.pb.h"

namespace onetake {
namespace {

void Answer(const v1::ExecuteRequest& request, v1::ExecuteResponse& response) {
  response.set_disposition(v1::DISPOSITION_DONE);
  response.set_result_json(request.arguments_json());
  response.mutable_intent()->set_id(std::string(32, 'a'));
  response.mutable_intent()->set_key(std::string(32, 'b'));
  response.mutable_guidance()->set_llm_text(std::string(120, 'c'));
}

class CallbackEcho final : public v1::ToolRuntime::CallbackService {
  grpc::ServerUnaryReactor* Execute(grpc::CallbackServerContext* context,
                                    const v1::ExecuteRequest* request,
                                    v1::ExecuteResponse* response) override {
    Answer(*request, *response);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

// One call on the completion queue, which waits for the next one when it has begun.
class QueuedCall {
 public:
  QueuedCall(v1::ToolRuntime::AsyncService& service, grpc::ServerCompletionQueue& queue)
      : service_(service), queue_(queue), responder_(&context_) {
    service_.RequestExecute(&context_, &request_, &responder_, &queue_, &queue_, this);
  }
  void Proceed(bool ok) {
    if (!ok || answered_) {
      delete this;
      return;
    }
    answered_ = true;
    new QueuedCall(service_, queue_);
    v1::ExecuteResponse response;
    Answer(request_, response);
    responder_.Finish(response, grpc::Status::OK, this);
  }

 private:
  v1::ToolRuntime::AsyncService& service_;
  grpc::ServerCompletionQueue& queue_;
  grpc::ServerContext context_;
  v1::ExecuteRequest request_;
  grpc::ServerAsyncResponseWriter<v1::ExecuteResponse> responder_;
  bool answered_ = false;
};

int WaitForStop() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  int signal = 0;
  sigwait(&signals, &signal);
  return signal;
}

void Serve(const std::string& listen, const std::string& edge) {
  CallbackEcho callback;
  v1::ToolRuntime::AsyncService queued;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &port);
  std::unique_ptr<grpc::ServerCompletionQueue> queue;
  if (edge == "queue") {
    builder.RegisterService(&queued);
    queue = builder.AddCompletionQueue();
  } else {
    builder.RegisterService(&callback);
  }
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  std::thread poller;
  if (queue != nullptr) {
    for (int i = 0; i < 64; ++i) new QueuedCall(queued, *queue);
    poller = std::thread([&queue] {
      void* tag = nullptr;
      bool ok = false;
      while (queue->Next(&tag, &ok)) static_cast<QueuedCall*>(tag)->Proceed(ok);
    });
  }
  std::cout << listen.substr(0, listen.rfind(':')) << ":" << port << std::endl;
  WaitForStop();
  server->Shutdown(std::chrono::system_clock::now());
  if (queue != nullptr) queue->Shutdown();
  if (poller.joinable()) poller.join();
}

}  // namespace
}  // namespace onetake

int main(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::string listen = "127.0.0.1:0";
  std::string edge = "callback";
  CLI::App app("A bare gRPC echo");
  app.add_option("--listen", listen, "IP:PORT")->capture_default_str();
  app.add_option("--edge", edge, "How it is served")
      ->check(CLI::IsMember({"callback", "queue"}))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  onetake::Serve(listen, edge);
}
