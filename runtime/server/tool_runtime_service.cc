#include "runtime/server/tool_runtime_service.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "runtime/base/status.h"
#include "runtime/catalog/export.h"
#include "runtime/catalog/tool_changes.h"
#include "runtime/engine/guidance.h"
#include "runtime/server/byte_buffer.h"
#include "runtime/server/convert.h"
#include "runtime/server/execute_request.h"
#include "runtime/server/language.h"
#include "runtime/server/patience.h"
#include "runtime/server/reply.h"
#include "runtime/server/session_reactor.h"

namespace onetake {
namespace {

// When an RPC ends, on the monotonic clock, so that a jump of the wall clock cannot stretch it.
absl::Duration DeadlineOf(const grpc::CallbackServerContext& context, const Clock& clock) {
  return clock.Elapsed() + (absl::FromChrono(context.deadline()) - absl::Now());
}

absl::Status BadField(absl::string_view field, absl::string_view what) {
  return WithDetail(absl::InvalidArgumentError(absl::StrCat(field, ": ", what)),
                    {.reason = "INVALID_FIELD", .field = std::string(field)});
}

absl::Status CheckAwait(const v1::AwaitRequest& request) {
  if (request.intent_id().empty()) return BadField("intent_id", "is required");
  if (request.intent_id().size() > limits::kIdBytes) {
    return BadField("intent_id", absl::StrCat("is longer than ", limits::kIdBytes, " bytes"));
  }
  if (request.generation() < 0) return BadField("generation", "must not be negative");
  const int64_t max_ms = absl::ToInt64Milliseconds(limits::kMaxPatience);
  if (request.patience_ms() < 0 || request.patience_ms() > max_ms) {
    return BadField("patience_ms", absl::StrCat("must be 0 to ", max_ms));
  }
  return absl::OkStatus();
}

absl::StatusOr<ToolSet> Select(const ToolSet& tools, const v1::ListToolsRequest& request) {
  if (request.names().empty()) return tools;
  std::map<std::string, std::shared_ptr<const Tool>> chosen;
  for (const std::string& name : request.names()) {
    std::shared_ptr<const Tool> tool = tools.Find(name);
    if (tool == nullptr) {
      const std::string nearest = tools.Nearest(name);
      return WithDetail(absl::NotFoundError(absl::StrCat(
                            "names: there is no such tool",
                            nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"))),
                        {.reason = "NOT_FOUND", .field = "names"});
    }
    chosen[name] = std::move(tool);
  }
  std::vector<std::shared_ptr<const Tool>> list;
  list.reserve(chosen.size());
  for (auto& [name, tool] : chosen) list.push_back(std::move(tool));
  return ToolSet(std::move(list));
}

// How an answer is spoken to whoever asked.
struct Speech {
  std::string language;
  std::shared_ptr<const ToolSet> tools;

  void Apply(Answer& answer) const { SpeakIn(language, tools->Find(answer.tool).get(), answer); }
};

// The engine's answer to whoever asked.
AnswerCallback AnswerTo(v1::ExecuteResponse* response, Speech speech, Reply reply) {
  return [response, speech = std::move(speech),
          reply = std::move(reply)](absl::StatusOr<Answer> answer) mutable {
    if (answer.ok()) {
      speech.Apply(*answer);
      Fill(*answer, *response);
    }
    reply.Finish(answer.status());
  };
}

AnswerCallback AnswerTo(grpc::ByteBuffer* response, Speech speech, Reply reply) {
  return [response, speech = std::move(speech),
          reply = std::move(reply)](absl::StatusOr<Answer> answer) mutable {
    if (answer.ok()) {
      speech.Apply(*answer);
      v1::ExecuteResponse message;
      Fill(*answer, message);
      *response = BufferOf(message.SerializeAsString());
    }
    reply.Finish(answer.status());
  };
}

}  // namespace

ToolRuntimeService::ToolRuntimeService(Options options, Engine& engine, SessionHub& sessions,
                                       Scheduler& loop, const Clock& clock)
    : options_(std::move(options)),
      engine_(engine),
      sessions_(sessions),
      loop_(loop),
      clock_(clock) {}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ToolRuntimeService::Session(
    grpc::CallbackServerContext*) {
  return new SessionReactor(sessions_, loop_);
}

absl::Duration ToolRuntimeService::PatienceOf(const ToolCall& call) const {
  if (call.patience.has_value()) return *call.patience;
  const std::shared_ptr<const Tool> tool = options_.tools.Get()->Find(call.tool);
  return tool == nullptr ? limits::kMaxPatience : tool->timeouts.patience;
}

grpc::ServerUnaryReactor* ToolRuntimeService::Execute(grpc::CallbackServerContext* context,
                                                      const grpc::ByteBuffer* request,
                                                      grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Reply reply(reactor);
  absl::StatusOr<ToolCall> parsed = ParseExecuteRequest(BytesOf(*request), options_.tenant);
  if (!parsed.ok()) {
    reply.Finish(parsed.status());
    return reactor;
  }
  loop_.Post([this, call = *std::move(parsed), deadline = DeadlineOf(*context, clock_), response,
              reply = std::move(reply)]() mutable {
    const absl::Duration wanted = PatienceOf(call);
    const absl::Duration left = deadline - clock_.Elapsed();
    const absl::StatusOr<absl::Duration> patience = FitPatience(wanted, left);
    if (!patience.ok()) return reply.Finish(patience.status());
    if (absl::Status status = CheckLanguage(call.language); !status.ok()) {
      return reply.Finish(status);
    }
    Speech speech{.language = call.language, .tools = options_.tools.Get()};
    // A patience out of range is the engine's to refuse, so it must arrive there as it came.
    if (*patience < wanted && wanted <= limits::kMaxPatience) call.patience = *patience;
    call.answer_within = LastMoment(left);
    engine_.Execute(std::move(call), AnswerTo(response, std::move(speech), std::move(reply)));
  });
  return reactor;
}

grpc::ServerUnaryReactor* ToolRuntimeService::Await(grpc::CallbackServerContext* context,
                                                    const v1::AwaitRequest* request,
                                                    v1::ExecuteResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Reply reply(reactor);
  absl::Status status = CheckAwait(*request);
  if (status.ok()) status = CheckLanguage(request->language());
  if (!status.ok()) {
    reply.Finish(status);
    return reactor;
  }
  const absl::Duration wanted = request->has_patience_ms()
                                    ? absl::Milliseconds(request->patience_ms())
                                    : limits::kMaxPatience;
  loop_.Post([this, intent_id = request->intent_id(), generation = request->generation(), wanted,
              speech = Speech{.language = request->language(), .tools = options_.tools.Get()},
              deadline = DeadlineOf(*context, clock_), response,
              reply = std::move(reply)]() mutable {
    const absl::StatusOr<absl::Duration> patience =
        FitPatience(wanted, deadline - clock_.Elapsed());
    if (!patience.ok()) return reply.Finish(patience.status());
    engine_.Await(options_.tenant, std::move(intent_id), generation, *patience,
                  AnswerTo(response, std::move(speech), std::move(reply)));
  });
  return reactor;
}

grpc::ServerUnaryReactor* ToolRuntimeService::ListTools(grpc::CallbackServerContext* context,
                                                        const v1::ListToolsRequest* request,
                                                        v1::ListToolsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Reply reply(reactor);
  const std::optional<ToolFormat> format = FromMessage(request->format());
  if (!format.has_value()) {
    reply.Finish(BadField("format", "is not a format this version knows"));
    return reactor;
  }
  const std::shared_ptr<const ToolSet> current = options_.tools.Get();
  const absl::StatusOr<ToolSet> tools = Select(*current, *request);
  if (!tools.ok()) {
    reply.Finish(tools.status());
    return reactor;
  }
  for (const std::shared_ptr<const Tool>& tool : tools->tools()) {
    Fill(*tool, *response->add_tools());
  }
  response->set_catalog_version(CatalogVersion(*current));
  response->set_tools_json(DumpJson(ExportTools(*tools, *format)));
  reply.Finish(absl::OkStatus());
  return reactor;
}

}  // namespace onetake
