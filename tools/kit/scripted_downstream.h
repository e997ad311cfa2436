#pragma once

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace onetake {

// An HTTP/1.1 server on a free port of 127.0.0.1 that does to each request what the script says.
// Thread-safe; each connection is served by a thread of its own.
class ScriptedDownstream {
 public:
  struct Step {
    enum class Then {
      kReply,   // whole
      kCut,     // the reply's head and half of its body, then the connection is closed
      kStream,  // the reply without its length: it ends where the connection is closed
      kLinger,  // the same, and the connection stays open until the peer goes away
      kClose,   // no reply: the connection is closed
      kReset,   // no reply: the connection is reset
      kStall,   // no reply until the peer goes away
    };
    Then then = Then::kReply;
    int status = 200;
    std::string type = "application/json";
    std::string headers;  // further ones, each with CRLF
    std::string body = "{}";
    enum class After { kClose, kKeepAlive } after = After::kClose;
  };
  struct Request {
    std::string head;  // request line and headers, as they came
    std::string body;
  };

  // Gives the step for a request for which the script has none. Called from the connections'
  // threads, with no lock held.
  using Otherwise = std::function<Step(const Request&)>;

  // UNAVAILABLE when there is no port.
  static absl::StatusOr<std::unique_ptr<ScriptedDownstream>> Start();
  static absl::StatusOr<std::unique_ptr<ScriptedDownstream>> Start(Otherwise otherwise);
  // Closes everything and joins.
  ~ScriptedDownstream();
  ScriptedDownstream(const ScriptedDownstream&) = delete;
  ScriptedDownstream& operator=(const ScriptedDownstream&) = delete;

  std::string origin() const;  // "http://127.0.0.1:PORT"
  // Sets what the next requests get; after that they get, without an Otherwise, 200 {}. Forgets
  // what came before.
  void Script(std::vector<Step> steps);
  // The requests since Script(), in order.
  std::vector<Request> requests() const;
  // Whether a peer that was left stalling has gone away, waiting up to `patience`.
  bool PeerLeft(absl::Duration patience) const;

 private:
  struct Connection {
    int socket = -1;
    std::thread thread;
  };

  ScriptedDownstream(int listener, int port, Otherwise otherwise)
      : listener_(listener), port_(port), otherwise_(std::move(otherwise)) {}
  void Accept();
  void Serve(int socket);
  // Reads one request; false when the peer is gone.
  static bool Read(int socket, std::string& buffer, Request& request);
  Step Take(const Request& request);
  // Does the step; returns whether the connection goes on.
  bool Act(int socket, const Step& step);
  static std::string Reply(const Step& step);

  const int listener_;
  const int port_;
  const Otherwise otherwise_;
  std::thread acceptor_;
  mutable absl::Mutex mutex_;
  std::deque<Step> steps_ ABSL_GUARDED_BY(mutex_);
  std::vector<Request> requests_ ABSL_GUARDED_BY(mutex_);
  std::list<Connection> connections_ ABSL_GUARDED_BY(mutex_);
  bool peer_left_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace onetake
