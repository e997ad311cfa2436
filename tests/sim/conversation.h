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
  // Says all bookings and cancellations once more, each as the same delivery, and some also in a
  // new one.
  void Redeliver();
  bool over() const { return over_; }
  const std::string& tenant() const { return tenant_; }
  const std::string& session() const { return session_; }

 private:
  struct Saying {
    Said said;
    ToolCall call;
    bool insists = false;  // confirms what the ledger may have forgotten, if the user wants it
  };

  void NextWish();
  Wish MakeWish();
  void SaySomething(absl::Duration after, std::function<void()> say);
  // As above, in place of what was to be said next.
  void SayNext(absl::Duration after, std::function<void()> say);
  Saying MakeBooking();
  Saying MakeCancellation();
  Saying MakeRestoration();
  void Book();
  void BookAgain();                                 // the same delivery
  void SayAgain(Saying old, absl::Duration after);  // in a new delivery if it has no id
  void Insist(const Saying& saying, const Answer& answer);
  void RepeatSomething();  // of what was said long ago, as the same delivery
  void Drift();            // for somebody else, or elsewhere
  void Cancel();
  void Restore();
  void BookOrCancel(double cancels);  // with this probability the latter, where it needs no booking
  void Wait();
  // Cancels what the caller sees to be booked, told or not.
  void CancelIfFound(const Answer& answer);
  void LookUp(absl::Duration after);  // the appointment; nobody waits for the answer
  void Send(Saying saying);
  void NoteWanted(const Said& said);
  void Deliver(const std::shared_ptr<Saying>& saying, int exchange);
  void Interrupt(const std::string& turn);
  void Expect(const std::shared_ptr<Saying>& saying, absl::Duration within);
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
  int agains_ = 0;
  int turns_ = 0;
  int exchange_ = 0;  // what is being waited for
  int step_ = 0;      // what is to be said next
  std::string intent_id_;
  Saying last_;
  std::vector<Saying> said_;  // for the first time
};

}  // namespace onetake::sim
