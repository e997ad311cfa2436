#include "tools/kit/scripted_downstream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace onetake {
namespace {

constexpr size_t kRequestBytesMax = 1024 * 1024;

size_t ContentLength(const std::string& head) {
  for (const absl::string_view line : absl::StrSplit(head, "\r\n")) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    size_t length = 0;
    if (absl::AsciiStrToLower(field.first) == "content-length" &&
        absl::SimpleAtoi(absl::StripAsciiWhitespace(field.second), &length)) {
      return std::min(length, kRequestBytesMax);
    }
  }
  return 0;
}

bool WriteAll(int socket, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

// Takes the socket away from its peer, for which Linux sends a reset.
void Reset(int socket) {
  sockaddr nowhere{};
  nowhere.sa_family = AF_UNSPEC;
  connect(socket, &nowhere, sizeof(nowhere));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ScriptedDownstream>> ScriptedDownstream::Start() {
  return Start([](const Request&) { return Step{}; });
}

absl::StatusOr<std::unique_ptr<ScriptedDownstream>> ScriptedDownstream::Start(Otherwise otherwise) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (listener < 0 || bind(listener, generic, size) != 0 || listen(listener, 64) != 0 ||
      getsockname(listener, generic, &size) != 0) {
    if (listener >= 0) close(listener);
    return absl::UnavailableError("no port on 127.0.0.1 for the scripted downstream");
  }
  auto downstream = std::unique_ptr<ScriptedDownstream>(
      new ScriptedDownstream(listener, ntohs(address.sin_port), std::move(otherwise)));
  downstream->acceptor_ = std::thread([raw = downstream.get()] { raw->Accept(); });
  return downstream;
}

ScriptedDownstream::~ScriptedDownstream() {
  std::list<Connection> connections;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    for (const Connection& connection : connections_) shutdown(connection.socket, SHUT_RDWR);
  }
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    absl::MutexLock lock(&mutex_);
    connections.swap(connections_);
  }
  for (Connection& connection : connections) {
    connection.thread.join();
    close(connection.socket);
  }
  close(listener_);
}

std::string ScriptedDownstream::origin() const { return absl::StrCat("http://127.0.0.1:", port_); }

void ScriptedDownstream::Script(std::vector<Step> steps) {
  absl::MutexLock lock(&mutex_);
  steps_.assign(steps.begin(), steps.end());
  requests_.clear();
  peer_left_ = false;
}

std::vector<ScriptedDownstream::Request> ScriptedDownstream::requests() const {
  absl::MutexLock lock(&mutex_);
  return requests_;
}

bool ScriptedDownstream::PeerLeft(absl::Duration patience) const {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&peer_left_), patience);
}

void ScriptedDownstream::Accept() {
  while (true) {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    absl::MutexLock lock(&mutex_);
    if (socket < 0 || stopping_) {
      if (socket >= 0) close(socket);
      return;
    }
    connections_.push_back(
        {.socket = socket, .thread = std::thread([this, socket] { Serve(socket); })});
  }
}

void ScriptedDownstream::Serve(int socket) {
  std::string buffer;
  Request request;
  while (Read(socket, buffer, request)) {
    if (!Act(socket, Take(request))) break;
    request = {};
  }
  shutdown(socket, SHUT_RDWR);  // closed by the destructor, so that its number is not used again
}

bool ScriptedDownstream::Read(int socket, std::string& buffer, Request& request) {
  size_t length = std::string::npos;  // of head and body
  char bytes[4096];
  while (buffer.size() < length) {
    if (const size_t end = buffer.find("\r\n\r\n");
        length == std::string::npos && end != std::string::npos) {
      request.head = buffer.substr(0, end + 2);
      length = end + 4 + ContentLength(request.head);
      continue;
    }
    const ssize_t got = recv(socket, bytes, sizeof(bytes), 0);
    if (got <= 0 || buffer.size() > 2 * kRequestBytesMax) return false;
    buffer.append(bytes, static_cast<size_t>(got));
  }
  request.body = buffer.substr(request.head.size() + 2, length - request.head.size() - 2);
  buffer.erase(0, length);
  return true;
}

ScriptedDownstream::Step ScriptedDownstream::Take(const Request& request) {
  {
    absl::MutexLock lock(&mutex_);
    requests_.push_back(request);
    if (!steps_.empty()) {
      Step step = std::move(steps_.front());
      steps_.pop_front();
      return step;
    }
  }
  return otherwise_(request);
}

std::string ScriptedDownstream::Reply(const Step& step) {
  const bool streams = step.then == Step::Then::kStream || step.then == Step::Then::kLinger;
  const bool closes = streams || step.after == Step::After::kClose;
  std::string length = absl::StrCat("Content-Length: ", step.body.size(), "\r\n");
  if (streams) length.clear();
  return absl::StrCat("HTTP/1.1 ", step.status, " Scripted\r\nContent-Type: ", step.type, "\r\n",
                      length, step.headers, closes ? "Connection: close\r\n" : "", "\r\n",
                      step.body);
}

bool ScriptedDownstream::Act(int socket, const Step& step) {
  switch (step.then) {
    case Step::Then::kReply:
      return WriteAll(socket, Reply(step)) && step.after == Step::After::kKeepAlive;
    case Step::Then::kCut: {
      const std::string reply = Reply(step);
      WriteAll(socket, absl::string_view(reply).substr(0, reply.size() - step.body.size() / 2));
      return false;
    }
    case Step::Then::kStream: WriteAll(socket, Reply(step)); return false;
    case Step::Then::kClose: return false;
    case Step::Then::kReset: Reset(socket); return false;
    case Step::Then::kLinger: WriteAll(socket, Reply(step)); break;
    case Step::Then::kStall: break;
  }
  char byte = 0;
  while (recv(socket, &byte, 1, 0) > 0) {
  }
  absl::MutexLock lock(&mutex_);
  peer_left_ = true;
  return false;
}

}  // namespace onetake
