#include "tools/grpc/grpc_calls.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/trace_context.h"
#include "runtime/base/utf8.h"

namespace onetake {
namespace {

std::chrono::system_clock::time_point DeadlineIn(absl::Duration timeout) {
  return std::chrono::system_clock::now() + absl::ToChronoNanoseconds(timeout);
}

// The part of what a remote plugin says of itself that goes into the log.
std::string ShortVersion(std::string version) {
  constexpr size_t kBytes = 64;
  version.resize(Utf8Prefix(version, kBytes).size());
  return version;
}

PluginDescription ToDescription(const v1::DescribeResponse& response) {
  PluginDescription description{.name = response.name(),
                                .version = ShortVersion(response.version())};
  for (const v1::PluginTool& tool : response.tools()) {
    description.tools.push_back(
        {.name = tool.name(),
         .description = tool.description(),
         .parameters_json = tool.parameters_json(),
         .effect = tool.effect() == v1::EFFECT_READ ? Effect::kRead : Effect::kWrite,
         .key_retention = absl::Milliseconds(tool.key_retention_ms()),
         .can_probe = tool.can_probe()});
  }
  return description;
}

std::string Words(const grpc::Status& status) {
  return absl::StrCat("gRPC status ", static_cast<int>(status.error_code()));
}

ProbeReport ToProbeReport(const v1::ProbeResponse& response, const grpc::Status& status) {
  if (!status.ok()) return {.error = Words(status)};
  ProbeReport report{.result_json = response.result_json()};
  if (response.verdict() == v1::PROBE_VERDICT_APPLIED) {
    report.finding = ProbeReport::Finding::kApplied;
  } else if (response.verdict() == v1::PROBE_VERDICT_NOT_APPLIED) {
    report.finding = ProbeReport::Finding::kNotApplied;
  }
  return report;
}

}  // namespace

PluginResult ResultOf(const v1::InvokeResult* result, const grpc::Status& status) {
  using Outcome = PluginResult::Outcome;
  if (result != nullptr) {
    PluginResult answer{.result_json = result->result_json(), .error = result->error()};
    switch (result->outcome()) {
      case v1::INVOKE_OUTCOME_SUCCEEDED: answer.outcome = Outcome::kSucceeded; break;
      case v1::INVOKE_OUTCOME_REJECTED: answer.outcome = Outcome::kRejected; break;
      case v1::INVOKE_OUTCOME_NO_EFFECT: answer.outcome = Outcome::kNoEffect; break;
      default: answer.outcome = Outcome::kMayHaveHappened; break;
    }
    if (result->retry_after_ms() > 0) {
      answer.retry_after = absl::Milliseconds(result->retry_after_ms());
    }
    return answer;
  }
  PluginResult answer{.error = status.ok() ? "the stream ended without a result" : Words(status)};
  switch (status.error_code()) {
    case grpc::StatusCode::UNIMPLEMENTED:
    case grpc::StatusCode::INVALID_ARGUMENT: answer.outcome = Outcome::kRejected; break;
    // UNAVAILABLE may have broken off after the call had left. gRPC itself makes RESOURCE_EXHAUSTED
    // of an answer that is too long, and of HTTP/2's ENHANCE_YOUR_CALM.
    default: break;
  }
  return answer;
}

// One Invoke. Deletes itself when gRPC is done with it.
class GrpcCalls::InvokeReader final : public grpc::ClientReadReactor<v1::InvokeEvent> {
 public:
  InvokeReader(GrpcCalls& calls, PluginLink::Progress progress, PluginLink::Done done)
      : loop_(calls.loop_),
        shared_(calls.shared_),
        owner_(calls.lifetime_.Observe()),
        progress_(std::make_shared<PluginLink::Progress>(std::move(progress))),
        done_(std::move(done)) {}

  uint64_t Begin(GrpcCalls& calls, Stub& stub, const PluginLink::Call& call) {
    request_.set_tool(call.tool);
    request_.set_arguments_json(call.arguments_json);
    request_.set_key(call.key);
    request_.set_attempt(call.attempt);
    context_.set_deadline(DeadlineIn(call.timeout));
    if (!call.traceparent.empty()) context_.AddMetadata(kTraceparent, call.traceparent);
    id_ = calls.Enter(context_);
    const uint64_t id = id_;  // this may be gone once the call has begun
    stub.async()->Invoke(&context_, &request_, this);
    StartRead(&event_);
    StartCall();
    return id;
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (event_.has_progress() && !result_.has_value()) {
      TellProgress();
    } else if (event_.has_result() && !result_.has_value()) {
      result_ = std::move(*event_.mutable_result());
    } else {
      broken_ = true;  // an empty event, or something behind the result
    }
    StartRead(&event_);
  }

  void OnDone(const grpc::Status& status) override {
    const bool before_any = !heard_ && !result_.has_value() && !broken_;
    // The status speaks of the whole call only when nothing was said before it.
    const grpc::Status how =
        before_any || status.ok() ? status : grpc::Status(grpc::StatusCode::UNKNOWN, "");
    PluginResult answer = ResultOf(result_.has_value() && !broken_ ? &*result_ : nullptr, how);
    if (broken_) answer.error = "it broke the plugin protocol";
    loop_.Post(owner_.While([done = std::move(done_), answer = std::move(answer)]() mutable {
      done(std::move(answer));
    }));
    Leave(shared_, id_);
    delete this;
  }

 private:
  void TellProgress() {
    heard_ = true;
    AttemptProgress said{.text = event_.progress().text(),
                         .progress = event_.progress().progress(),
                         .total = event_.progress().total()};
    loop_.Post(owner_.While([progress = progress_, said = std::move(said)] {
      if (*progress) (*progress)(said);
    }));
  }

  Scheduler& loop_;
  const std::shared_ptr<Shared> shared_;
  const Lifetime::Observer owner_;
  const std::shared_ptr<PluginLink::Progress> progress_;
  PluginLink::Done done_;
  uint64_t id_ = 0;
  grpc::ClientContext context_;
  v1::InvokeRequest request_;
  v1::InvokeEvent event_;
  std::optional<v1::InvokeResult> result_;
  bool heard_ = false;
  bool broken_ = false;
};

GrpcCalls::~GrpcCalls() {
  lifetime_.End();
  absl::MutexLock lock(&shared_->mutex);
  for (const auto& [id, context] : shared_->contexts) context->TryCancel();
  shared_->mutex.Await(absl::Condition(shared_.get(), &Shared::Idle));
}

uint64_t GrpcCalls::Enter(grpc::ClientContext& context) {
  const uint64_t id = ++next_;
  absl::MutexLock lock(&shared_->mutex);
  shared_->contexts.emplace(id, &context);
  return id;
}

void GrpcCalls::Leave(const std::shared_ptr<Shared>& shared, uint64_t id) {
  absl::MutexLock lock(&shared->mutex);
  shared->contexts.erase(id);
}

void GrpcCalls::Cancel(uint64_t id) {
  absl::MutexLock lock(&shared_->mutex);
  const auto found = shared_->contexts.find(id);
  if (found != shared_->contexts.end()) found->second->TryCancel();
}

uint64_t GrpcCalls::Invoke(Stub& stub, const PluginLink::Call& call, PluginLink::Progress progress,
                           PluginLink::Done done) {
  auto* reader = new InvokeReader(*this, std::move(progress), std::move(done));
  return reader->Begin(*this, stub, call);
}

void GrpcCalls::Describe(Stub& stub, absl::Duration timeout, Described done) {
  struct Call {
    grpc::ClientContext context;
    v1::DescribeRequest request;
    v1::DescribeResponse response;
    Described done;
  };
  auto call = std::make_shared<Call>();
  call->done = std::move(done);
  call->context.set_deadline(DeadlineIn(timeout));
  call->context.set_wait_for_ready(true);
  const uint64_t id = Enter(call->context);
  stub.async()->Describe(
      &call->context, &call->request, &call->response,
      [call, id, loop = &loop_, shared = shared_,
       owner = lifetime_.Observe()](const grpc::Status& status) {
        absl::StatusOr<PluginDescription> described = ToDescription(call->response);
        if (!status.ok()) described = absl::UnavailableError(Words(status));
        loop->Post(owner.While([call, described = std::move(described)]() mutable {
          call->done(std::move(described));
        }));
        Leave(shared, id);
      });
}

void GrpcCalls::Probe(Stub& stub, const PluginLink::Call& call, PluginLink::ProbeDone done) {
  struct Asked {
    grpc::ClientContext context;
    v1::ProbeRequest request;
    v1::ProbeResponse response;
    PluginLink::ProbeDone done;
  };
  auto asked = std::make_shared<Asked>();
  asked->done = std::move(done);
  asked->request.set_tool(call.tool);
  asked->request.set_arguments_json(call.arguments_json);
  asked->request.set_key(call.key);
  asked->context.set_deadline(DeadlineIn(call.timeout));
  const uint64_t id = Enter(asked->context);
  stub.async()->Probe(&asked->context, &asked->request, &asked->response,
                      [asked, id, loop = &loop_, shared = shared_,
                       owner = lifetime_.Observe()](const grpc::Status& status) {
                        ProbeReport report = ToProbeReport(asked->response, status);
                        loop->Post(owner.While([asked, report = std::move(report)]() mutable {
                          asked->done(std::move(report));
                        }));
                        Leave(shared, id);
                      });
}

}  // namespace onetake
