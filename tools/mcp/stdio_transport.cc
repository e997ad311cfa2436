#include "tools/mcp/stdio_transport.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace onetake {

McpStdioTransport::McpStdioTransport(EventLoop& loop, const Clock& clock, Random& random,
                                     McpServerSpec spec)
    : loop_(loop),
      spec_(std::move(spec)),
      supervisor_(loop, clock, random,
                  {.name = spec_.name,
                   .command = spec_.command,
                   .log_file = spec_.log_file,
                   .line_bytes = kRpcBytes,
                   .needs_pipes = true,
                   .environment = [this] { return Environment(); },
                   .on_start = [this] { events_.on_up(); },
                   .on_line = [this](const std::string& line) { OnLine(line); },
                   .on_down = [this](const std::string& why) { OnDown(why); }}) {}

absl::StatusOr<std::vector<std::string>> McpStdioTransport::Environment() const {
  std::vector<std::string> environment = PlainEnvironment();
  for (const McpServerSpec::Value& variable : spec_.environment) {
    if (!variable.secret.has_value()) {
      environment.push_back(absl::StrCat(variable.name, "=", variable.text));
      continue;
    }
    ONETAKE_ASSIGN_OR_RETURN(const Secret secret, ResolveSecret(*variable.secret));
    environment.push_back(absl::StrCat(variable.name, "=", variable.prefix, secret.Reveal()));
  }
  return environment;
}

void McpStdioTransport::Begin(Events events) {
  events_ = std::move(events);
  loop_.Post(lifetime_.While([this] { supervisor_.Start(); }));
}

uint64_t McpStdioTransport::Send(Outgoing message, OnEnd on_end) {
  const auto id = static_cast<uint64_t>(message.id);
  ChildProcess* child = supervisor_.child();
  message.body.push_back('\n');
  const std::optional<uint64_t> queued =
      child == nullptr ? std::nullopt : child->Write(std::move(message.body));
  if (!queued.has_value()) {
    EndLater(std::move(on_end), {.error = child == nullptr ? "the program does not run"
                                                           : "the program does not read"});
  } else if (message.id == 0) {
    EndLater(std::move(on_end), {.begun = true});
  } else {
    exchanges_.emplace(id, Exchange{.on_end = std::move(on_end), .queued = *queued});
  }
  return id;
}

bool McpStdioTransport::Leave(uint64_t id) {
  const auto node = exchanges_.extract(id);
  ChildProcess* child = supervisor_.child();
  return node.empty() || child == nullptr || !child->TakeBack(node.mapped().queued);
}

void McpStdioTransport::EndLater(OnEnd on_end, End end) {
  loop_.Post(lifetime_.While(
      [on_end = std::move(on_end), end = std::move(end)]() mutable { on_end(std::move(end)); }));
}

void McpStdioTransport::OnLine(const std::string& line) {
  absl::StatusOr<RpcMessage> message = ParseRpc(line);
  // Some programs print lines that are no message.
  if (!message.ok()) return;
  const bool answers =
      message->kind == RpcMessage::Kind::kResult || message->kind == RpcMessage::Kind::kError;
  if (answers && message->id.is_number_integer()) {
    auto node = exchanges_.extract(message->id.get<uint64_t>());
    if (!node.empty()) EndLater(std::move(node.mapped().on_end), {.begun = true});
  }
  events_.on_message(*std::move(message), "");
}

void McpStdioTransport::OnDown(const std::string& why) {
  events_.on_down(why);
  for (auto& [id, exchange] : std::exchange(exchanges_, {})) {
    exchange.on_end({.begun = true, .error = "the program ended"});
  }
}

}  // namespace onetake
