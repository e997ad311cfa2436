#include "runtime/server/session_hub.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace onetake {

SessionHub::SessionHub(Options options, Engine& engine, LedgerQueries& queries, Scheduler& loop)
    : options_(std::move(options)), engine_(engine), queries_(queries), loop_(loop) {
  engine_.set_on_settled(
      [this](const IntentRecord& record, const Answer& answer) { OnSettled(record, answer); });
}

void SessionHub::OnSettled(const IntentRecord& record, const Answer& answer) {
  std::vector<std::shared_ptr<SessionStream>> streams;
  if (const auto own = streams_.find({record.tenant, record.session_id}); own != streams_.end()) {
    streams.push_back(own->second);
  }
  if (auto waiting = expecting_.extract(record.intent_id); !waiting.empty()) {
    for (const std::weak_ptr<SessionStream>& weak : waiting.mapped()) {
      std::shared_ptr<SessionStream> stream = weak.lock();
      const bool listed = std::find(streams.begin(), streams.end(), stream) != streams.end();
      if (stream != nullptr && !listed) streams.push_back(std::move(stream));
    }
  }
  for (const auto& stream : streams) stream->OnSettled(record, answer);
}

void SessionHub::Expect(const std::string& intent_id,
                        const std::shared_ptr<SessionStream>& stream) {
  std::vector<std::weak_ptr<SessionStream>>& waiting = expecting_[intent_id];
  std::erase_if(waiting, [&stream](const std::weak_ptr<SessionStream>& weak) {
    return weak.expired() || weak.lock() == stream;
  });
  waiting.push_back(stream);
}

std::shared_ptr<SessionStream> SessionHub::Connect(SessionStream::Caller caller,
                                                   SessionStream::Writer& writer) {
  auto stream = std::make_shared<SessionStream>(*this, std::move(caller), writer);
  if (ending_) {
    stream->EndDraining();
    return stream;
  }
  absl::StatusOr<StreamLimits::Place> place =
      options_.streams.Enter(StreamLimits::Kind::kSession, stream->tenant());
  if (!place.ok()) {
    stream->EndOverloaded(place.status());
    return stream;
  }
  nameless_.emplace(stream.get(), stream);
  stream->AwaitOpen(*std::move(place));
  return stream;
}

void SessionHub::Enter(const std::string& session_id,
                       const std::shared_ptr<SessionStream>& stream) {
  nameless_.erase(stream.get());
  std::shared_ptr<SessionStream>& place = streams_[{stream->tenant(), session_id}];
  const std::shared_ptr<SessionStream> before = std::exchange(place, stream);
  if (before != nullptr) before->EndTakenOver();
}

void SessionHub::Leave(const std::string& session_id, const SessionStream* stream) {
  nameless_.erase(stream);
  const auto found = streams_.find({stream->tenant(), session_id});
  if (found != streams_.end() && found->second.get() == stream) streams_.erase(found);
}

void SessionHub::CheckCallers() {
  std::vector<std::shared_ptr<SessionStream>> streams;
  for (const auto& [name, stream] : streams_) streams.push_back(stream);
  for (const auto& [unused, nameless] : nameless_) {
    if (auto stream = nameless.lock()) streams.push_back(std::move(stream));
  }
  for (const auto& stream : streams) stream->CheckCaller();
}

void SessionHub::EndAll() {
  ending_ = true;
  for (const auto& [session, stream] : std::exchange(streams_, {})) stream->EndDraining();
  for (const auto& [unused, nameless] : std::exchange(nameless_, {})) {
    if (const auto stream = nameless.lock()) stream->EndDraining();
  }
}

}  // namespace onetake
