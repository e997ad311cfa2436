#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/history.h"
#include "tests/sim/server.h"

namespace onetake::sim {

// An agent on the phone with somebody who wants a few appointments, one after the other. It says
// things twice, in other words and with other details, gives up waiting, is interrupted, cancels
// and wants it back. A part of the world: it outlives every onetaked.
class Conversation : public std::enable_shared_from_this<Conversation> {
 public:
  // The onetaked that runs now; null: none does.
  using Running = std::function<Server*()>;

  Conversation(World& world, History& history, Downstream& downstream, Running running,
               std::string tenant, std::string session, uint64_t seed);

  void Begin();
  // Says all bookings once more, each as the same delivery.
  void Redeliver();
  bool over() const { return over_; }
  const std::string& tenant() const { return tenant_; }
  const std::string& session() const { return session_; }

 private:
  struct Saying {
    Said said;
    ToolCall call;
  };

  void NextWish();
  void SaySomething(absl::Duration after, std::function<void()> say);
  Saying MakeBooking();
  Saying MakeCancellation();
  Saying MakeRestoration();
  void Book();
  void BookAgain();  // the same delivery
  void Drift();      // for somebody else, or elsewhere
  void Cancel();
  void Restore();
  void BookOrCancel(double cancels);  // with this probability the latter, where it needs no booking
  void Wait();
  void LookUp(absl::Duration after);  // the appointment; nobody waits for the answer
  void Send(Saying saying);
  void Deliver(const std::shared_ptr<Saying>& saying, int exchange);
  void Interrupt(const std::string& turn);
  void GiveUp(const std::shared_ptr<Saying>& saying, int exchange);
  void OnReply(const std::shared_ptr<Saying>& saying, int exchange, absl::StatusOr<Answer> reply);
  void React(const Saying& saying, const Answer& answer);
  void AfterDone(const Saying& saying, const Answer& answer);

  World& world_;
  History& history_;
  Downstream& downstream_;
  const Running running_;
  const std::string tenant_, session_;
  Chance chance_;
  bool over_ = false;
  int wishes_left_ = 0;
  int calls_left_ = 0;  // for this wish
  int wish_ = -1;       // its place in the history
  int calls_ = 0;
  int look_ups_ = 0;
  int turns_ = 0;
  int exchange_ = 0;  // what is being waited for
  std::string intent_id_;
  Saying last_;
  std::vector<Saying> booked_;  // said for the first time
};

}  // namespace onetake::sim
