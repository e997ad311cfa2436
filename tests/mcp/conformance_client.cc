// A client for the scenarios of @modelcontextprotocol/conformance, on the client that onetaked has:
// lists the tools of the server whose URL is the last argument, and calls what the scenario wants,
// else each of them. Answers questions with yes, which onetaked never does.
#include <cstdlib>
#include <iostream>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "runtime/base/event_loop.h"
#include "runtime/base/system_clock.h"
#include "tools/mcp/mcp_servers.h"

namespace onetake {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(20);

class Caller {
 public:
  explicit Caller(const std::string& url) {
    client_ = MakeMcpClient({.name = "conformance", .url = url}, loop_, clock_, random_, {});
    loop_.Start();
  }
  ~Caller() { loop_.Stop(); }

  absl::StatusOr<McpClient::Tools> List() {
    absl::StatusOr<McpClient::Tools> tools = absl::UnknownError("not asked");
    Wait([&](const auto& done) {
      client_->ListTools(kTimeout, [&tools, done](absl::StatusOr<McpClient::Tools> listed) {
        tools = std::move(listed);
        done();
      });
    });
    return tools;
  }

  McpOutcome Call(McpClient::Call call) {
    call.timeout = kTimeout;
    McpOutcome outcome;
    Wait([&](const auto& done) {
      client_->Start(std::move(call), [&outcome, done](McpOutcome ended) {
        outcome = std::move(ended);
        done();
      });
    });
    return outcome;
  }

 private:
  template <typename Begin>
  void Wait(Begin begin) {
    absl::Notification finished;
    loop_.Post([&] { begin([&finished] { finished.Notify(); }); });
    finished.WaitForNotification();
  }

  SystemClock clock_;
  SystemRandom random_;
  EventLoop loop_;
  std::unique_ptr<McpClient> client_;
};

// What the scenarios' tools require: numbers, texts, and the schema of another tool as it came.
Json ExampleArguments(const Json& tool, const McpClient::Tools& tools) {
  Json arguments = Json::object();
  const Json schema = tool.value("inputSchema", Json::object());
  const Json properties = schema.value("properties", Json::object());
  for (const auto& [name, property] : properties.items()) {
    const Json type = property.value("type", Json());
    if (type == "number" || type == "integer") arguments[name] = 5;
    if (type == "string") arguments[name] = "x";
    if (name != "schema") continue;
    for (const auto& [other, definition] : tools) {
      if (definition != tool) arguments[name] = definition.value("inputSchema", Json());
    }
  }
  return arguments;
}

void CallToTheEnd(Caller& caller, const std::string& tool, const Json& arguments) {
  McpClient::Call call{.tool = tool, .arguments = arguments};
  for (int round = 0; round < 5; ++round) {
    const McpOutcome outcome = caller.Call(call);
    std::cout << tool << ": " << static_cast<int>(outcome.end) << " " << outcome.body.dump() << " "
              << outcome.error << "\n";
    if (outcome.end != McpOutcome::End::kInputRequired) return;
    call.input_responses = Json::object();
    const Json requests = outcome.body.value("inputRequests", Json::object());
    for (const auto& [key, request] : requests.items()) {
      call.input_responses[key] = {{"action", "accept"}, {"content", {{"confirmed", true}}}};
    }
    call.request_state = outcome.body.value("requestState", Json());
  }
}

int Run(const std::string& url) {
  Caller caller(url);
  const absl::StatusOr<McpClient::Tools> tools = caller.List();
  if (!tools.ok()) {
    std::cerr << tools.status() << "\n";
    return 1;
  }
  const char* context = std::getenv("MCP_CONFORMANCE_CONTEXT");
  const Json wanted = context == nullptr ? Json() : Json::parse(context, nullptr, false);
  if (wanted.is_object() && wanted.contains("toolCalls")) {
    for (const Json& call : wanted["toolCalls"]) {
      CallToTheEnd(caller, call.value("name", ""), call.value("arguments", Json::object()));
    }
    return 0;
  }
  for (const auto& [name, tool] : *tools)
    CallToTheEnd(caller, name, ExampleArguments(tool, *tools));
  return 0;
}

}  // namespace
}  // namespace onetake

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: conformance_client URL\n";
    return 2;
  }
  return onetake::Run(argv[argc - 1]);
}
