#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/testing/sim_scheduler.h"
#include "tools/mcp/mcp_client.h"

namespace onetake::testing {

// What a client sends, and what the test makes its server say.
class FakeTransport final : public McpTransport {
 public:
  explicit FakeTransport(Scheduler& scheduler) : scheduler_(scheduler) {}

  void Begin(Events begun) override {
    events = std::move(begun);
    scheduler_.Post([this] { events.on_up(); });
  }
  uint64_t Send(Outgoing message, OnEnd on_end) override {
    const Json body = Json::parse(message.body, nullptr, false);
    methods.push_back(body.is_object() ? body.value("method", "") : "");
    sent.push_back(body);
    messages.push_back(std::move(message));
    ends.push_back(std::move(on_end));
    return sent.size();
  }
  void Close(uint64_t id) override { closed.push_back(id); }
  bool Leave(uint64_t id) override {
    left.push_back(id);
    return begun;
  }

  // Answers the last request of this method.
  void Answer(const std::string& method, Json result, const std::string& session = "") {
    events.on_message({.kind = RpcMessage::Kind::kResult,
                       .id = sent[Last(method)]["id"],
                       .body = std::move(result)},
                      session);
  }
  void Refuse(const std::string& method, int64_t code) {
    events.on_message({.kind = RpcMessage::Kind::kError,
                       .id = sent[Last(method)]["id"],
                       .body = {{"code", code}, {"message", "no"}}},
                      "");
  }
  void EndExchange(const std::string& method, End end) { ends[Last(method)](std::move(end)); }
  size_t Last(const std::string& method) {
    for (size_t i = methods.size(); i > 0; --i) {
      if (methods[i - 1] == method) return i - 1;
    }
    ADD_FAILURE() << "no " << method << " was sent";
    return 0;
  }

  Events events;
  std::vector<std::string> methods;
  std::vector<Json> sent;
  std::vector<Outgoing> messages;
  std::vector<OnEnd> ends;
  std::vector<uint64_t> closed;
  std::vector<uint64_t> left;
  bool begun = true;  // what is left

 private:
  Scheduler& scheduler_;
};

inline const Json kTools = Json::parse(R"({"tools":[
  {"name":"book","inputSchema":{"type":"object","properties":{
    "at":{"type":"string","x-mcp-header":"At"}}}},
  {"name":"broken","inputSchema":{"type":"object","properties":{
    "at":{"type":"number","x-mcp-header":"At"}}}}]})");

class McpClientTest : public ::testing::Test {
 protected:
  void Make(McpServerSpec::Kind kind = McpServerSpec::Kind::kHttp,
            McpServerSpec::Era era = McpServerSpec::Era::kAuto) {
    auto transport = std::make_unique<FakeTransport>(sim_);
    wire_ = transport.get();
    client_ = std::make_unique<McpClient>(
        sim_, sim_, std::move(transport),
        McpClient::Options{.name = "crm", .transport = kind, .era = era});
    sim_.RunReady();
  }
  void MakeModern() {
    Make();
    wire_->Answer("server/discover", {{"supportedVersions", {"2026-07-28"}}});
    wire_->Answer("tools/list", kTools);
  }
  void MakeLegacy(McpServerSpec::Kind kind = McpServerSpec::Kind::kHttp) {
    Make(kind);
    wire_->Refuse("server/discover", -32601);
    wire_->Answer("initialize", Handshake("2025-06-18"), "s-1");
    wire_->Answer("tools/list", kTools);
  }
  static Json Handshake(const char* version) {
    return {{"protocolVersion", version}, {"capabilities", {{"tools", {{"listChanged", true}}}}}};
  }
  // Ends the program, and starts it again.
  void Restart() {
    wire_->events.on_down("exit status 1");
    wire_->events.on_up();
    sim_.RunReady();
  }
  void SayChanged() {
    wire_->events.on_message(
        {.kind = RpcMessage::Kind::kNotification, .method = "notifications/tools/list_changed"},
        "");
  }
  uint64_t Start(McpClient::Call call) {
    call.timeout = absl::Seconds(5);
    const uint64_t id = client_->Start(
        std::move(call), [this](McpOutcome outcome) { ended_.push_back(std::move(outcome)); });
    sim_.RunReady();
    return id;
  }
  uint64_t Book(Effect effect = Effect::kWrite) {
    return Start({.tool = "book", .arguments = {{"at", "2 pm"}}, .effect = effect});
  }
  McpOutcome::End End() { return ended_.empty() ? McpOutcome::End{} : ended_.back().end; }

  SimScheduler sim_;
  FakeTransport* wire_ = nullptr;
  std::unique_ptr<McpClient> client_;
  std::vector<McpOutcome> ended_;
};

}  // namespace onetake::testing
