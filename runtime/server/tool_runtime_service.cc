#include "runtime/server/tool_runtime_service.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/limits.h"
#include "runtime/base/status.h"
#include "runtime/base/trace_context.h"
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

constexpr char kExecute[] = "/onetake.v1.ToolRuntime/Execute";
constexpr char kAwait[] = "/onetake.v1.ToolRuntime/Await";
constexpr char kListTools[] = "/onetake.v1.ToolRuntime/ListTools";
constexpr char kSession[] = "/onetake.v1.ToolRuntime/Session";

// When an RPC ends, on the monotonic clock, as gRPC has it. context.deadline() is a time of the
// wall clock: a jump of that clock in between would end the RPC, or stretch it.
absl::Duration DeadlineOf(const grpc::CallbackServerContext& context, const Clock& clock) {
  const gpr_timespec deadline = context.raw_deadline();
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) {
    return absl::InfiniteDuration();
  }
  const gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  return clock.Elapsed() + absl::Seconds(left.tv_sec) + absl::Nanoseconds(left.tv_nsec);
}

std::optional<TraceContext> TraceOf(const grpc::CallbackServerContext& context) {
  const auto header = context.client_metadata().find(kTraceparent);
  if (header == context.client_metadata().end()) return std::nullopt;
  return ParseTraceparent(absl::string_view(header->second.data(), header->second.size()));
}

absl::Status CheckAwait(const v1::AwaitRequest& request) {
  if (request.intent_id().empty()) return BadField("intent_id", "is required");
  ONETAKE_RETURN_IF_ERROR(CheckLength("intent_id", request.intent_id(), limits::kIdBytes));
  if (request.generation() < 0) return BadField("generation", "must not be negative");
  const int64_t max_ms = absl::ToInt64Milliseconds(limits::kMaxPatience);
  if (request.patience_ms() < 0 || request.patience_ms() > max_ms) {
    return BadField("patience_ms", absl::StrCat("must be 0 to ", max_ms));
  }
  return absl::OkStatus();
}

// The tools that there are for a tenant.
ToolSet Allowed(const ToolSet& tools, const Principal& caller) {
  if (caller.tools == nullptr) return tools;
  std::vector<std::shared_ptr<const Tool>> list;
  for (const std::shared_ptr<const Tool>& tool : tools.tools()) {
    if (caller.tools->count(tool->name) != 0) list.push_back(tool);
  }
  return ToolSet(std::move(list));
}

absl::StatusOr<ToolSet> Select(const ToolSet& tools, const v1::ListToolsRequest& request) {
  if (request.names().empty()) return tools;
  std::map<std::string, std::shared_ptr<const Tool>> chosen;
  for (int i = 0; i < request.names_size(); ++i) {
    const std::string& name = request.names(i);
    std::shared_ptr<const Tool> tool = tools.Find(name);
    if (tool == nullptr) {
      const std::string field = absl::StrCat("names[", i, "]");
      const std::string nearest = tools.Nearest(name);
      return WithDetail(absl::NotFoundError(absl::StrCat(
                            field, ": there is no such tool",
                            nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"))),
                        {.reason = "NOT_FOUND", .field = field});
    }
    chosen[name] = std::move(tool);
  }
  std::vector<std::shared_ptr<const Tool>> list;
  list.reserve(chosen.size());
  for (auto& [name, tool] : chosen) list.push_back(std::move(tool));
  return ToolSet(std::move(list));
}

// Who opens a session, if it may.
absl::StatusOr<SessionStream::Caller> SessionCaller(const Gate& gate,
                                                    const grpc::CallbackServerContext& context) {
  ONETAKE_ASSIGN_OR_RETURN(const Principal admitted, gate.Admit(context, kSession));
  return SessionStream::Caller{
      .principal = admitted,
      .still_allowed = [&gate, admitted] { return gate.StillHolds(admitted); },
      .trace = TraceOf(context)};
}

// How an answer is spoken to the caller.
struct Speech {
  std::string language;
  std::shared_ptr<const ToolSet> tools;

  void Apply(Answer& answer) const {
    SpeakIn(language, tools->Find(answer.tool).get(), answer);
    if (answer.discarded) answer.guidance.say.clear();
  }
};

// Gives the engine's answer to the caller.
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

// Answers a wait, unless the credential has ended since it began.
AnswerCallback WhileHeld(const Gate& gate, Principal caller, AnswerCallback answer) {
  return [&gate, caller = std::move(caller),
          answer = std::move(answer)](absl::StatusOr<Answer> result) mutable {
    if (absl::Status held = gate.StillHolds(caller); !held.ok()) result = std::move(held);
    answer(std::move(result));
  };
}

}  // namespace

ToolRuntimeService::ToolRuntimeService(Options options, Engine& engine, SessionHub& sessions,
                                       Scheduler& loop, const Clock& clock)
    : options_(options), engine_(engine), sessions_(sessions), loop_(loop), clock_(clock) {}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ToolRuntimeService::Session(
    grpc::CallbackServerContext* context) {
  return new SessionReactor(sessions_, loop_, context, options_.gate.unread(),
                            SessionCaller(options_.gate, *context));  // owns itself
}

absl::Duration ToolRuntimeService::PatienceOf(const ToolCall& call) const {
  if (call.patience.has_value()) return *call.patience;
  const std::shared_ptr<const Tool> tool = options_.tools.Get()->Find(call.tool);
  return tool == nullptr ? limits::kMaxPatience : tool->timeouts.patience;
}

grpc::ServerUnaryReactor* ToolRuntimeService::Execute(grpc::CallbackServerContext* context,
                                                      const grpc::ByteBuffer* request,
                                                      grpc::ByteBuffer* response) {
  UnaryCall rpc(context, response, options_.gate, kExecute);
  if (!rpc.admitted()) return rpc.reactor();
  // The limit is asked before anything is parsed: under too much load a refusal has to cost little.
  absl::StatusOr<CallLimits::Place> place = options_.limits.Enter(rpc.caller().tenant);
  if (!place.ok()) return rpc.Finish(place.status());
  absl::StatusOr<ToolCall> parsed = ParseExecuteRequest(BytesOf(*request), rpc.caller());
  if (!parsed.ok()) return rpc.Finish(parsed.status());
  if (!parsed->trace.has_value()) parsed->trace = TraceOf(*context);
  loop_.Post([this, arrived = options_.limits.Arrived(), call = *std::move(parsed),
              deadline = DeadlineOf(*context, clock_), response, place = *std::move(place),
              reply = rpc.TakeReply()]() mutable {
    options_.limits.TakenUp(arrived);
    const absl::Duration wanted = PatienceOf(call);
    const absl::Duration left = deadline - clock_.Elapsed();
    const absl::StatusOr<absl::Duration> patience = FitPatience(wanted, left);
    if (!patience.ok()) return reply.Finish(patience.status());
    if (absl::Status status = CheckLanguage(call.language); !status.ok()) {
      return reply.Finish(status);
    }
    Speech speech{.language = call.language, .tools = options_.tools.Get()};
    // The engine refuses a patience that is out of range, so such a one must arrive there as it
    // came.
    if (*patience < wanted && wanted <= limits::kMaxPatience) call.patience = *patience;
    call.answer_within = LastMoment(left);
    engine_.Execute(std::move(call), [place = std::move(place),
                                      answer = AnswerTo(response, std::move(speech),
                                                        std::move(reply))](auto result) mutable {
      place.Release();
      answer(std::move(result));
    });
  });
  return rpc.reactor();
}

grpc::ServerUnaryReactor* ToolRuntimeService::Await(grpc::CallbackServerContext* context,
                                                    const v1::AwaitRequest* request,
                                                    v1::ExecuteResponse* response) {
  UnaryCall rpc(context, response, options_.gate, kAwait);
  if (!rpc.admitted()) return rpc.reactor();
  absl::Status status = CheckAwait(*request);
  if (status.ok()) status = CheckLanguage(request->language());
  if (!status.ok()) return rpc.Finish(status);
  absl::StatusOr<CallLimits::Place> place = options_.limits.Enter(rpc.caller().tenant);
  if (!place.ok()) return rpc.Finish(place.status());
  const absl::Duration wanted = request->has_patience_ms()
                                    ? absl::Milliseconds(request->patience_ms())
                                    : limits::kMaxPatience;
  loop_.Post([this, arrived = options_.limits.Arrived(), caller = rpc.caller(),
              intent_id = request->intent_id(), generation = request->generation(), wanted,
              speech = Speech{.language = request->language(), .tools = options_.tools.Get()},
              deadline = DeadlineOf(*context, clock_), response, place = *std::move(place),
              reply = rpc.TakeReply()]() mutable {
    options_.limits.TakenUp(arrived);
    const absl::StatusOr<absl::Duration> patience =
        FitPatience(wanted, deadline - clock_.Elapsed());
    if (!patience.ok()) return reply.Finish(patience.status());
    AnswerCallback answer =
        WhileHeld(options_.gate, caller, AnswerTo(response, std::move(speech), std::move(reply)));
    engine_.Await(caller.tenant, intent_id, generation, *patience,
                  [place = std::move(place), answer = std::move(answer)](auto result) mutable {
                    place.Release();
                    answer(std::move(result));
                  });
  });
  return rpc.reactor();
}

grpc::ServerUnaryReactor* ToolRuntimeService::ListTools(grpc::CallbackServerContext* context,
                                                        const v1::ListToolsRequest* request,
                                                        v1::ListToolsResponse* response) {
  UnaryCall rpc(context, response, options_.gate, kListTools, options_.limits);
  if (!rpc.admitted()) return rpc.reactor();
  const std::optional<ToolFormat> format = FromMessage(request->format());
  if (!format.has_value()) {
    return rpc.Finish(BadField("format", "is not a format this version knows"));
  }
  const ToolSet current = Allowed(*options_.tools.Get(), rpc.caller());
  const absl::StatusOr<ToolSet> tools = Select(current, *request);
  if (!tools.ok()) return rpc.Finish(tools.status());
  for (const std::shared_ptr<const Tool>& tool : tools->tools()) {
    Fill(*tool, *response->add_tools());
  }
  response->set_catalog_version(CatalogVersion(current));
  response->set_tools_json(DumpJson(ExportTools(*tools, *format)));
  return rpc.Finish(absl::OkStatus());
}

}  // namespace onetake
