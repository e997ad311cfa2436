// The events of a conversation are all that are told of it, its calls' erasures among them.

#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/testing/ledger_fixture.h"

namespace onetake {
namespace {

using ::onetake::testing::At;
using ::onetake::testing::IsOk;
using ::onetake::testing::LedgerFixture;
using ::onetake::testing::MakeClaim;
using ::testing::ElementsAre;

class SessionEventsTest : public LedgerFixture {
 protected:
  void SetUp() override {
    SqliteLedger::Options options = DefaultOptions();
    options.attributes = {.names = {"caller_phone"},
                          .digest = [](absl::string_view, absl::string_view,
                                       absl::string_view value) { return std::string(value); }};
    OpenWith(std::move(options));
  }
  // A call of somebody's in another session than that of the claims.
  static CallRecord CallOf(int n, CallRole role) {
    CallRecord call = MakeClaim(n).call;
    call.session_id = "CA2";
    call.role = role;
    call.attributes["caller_phone"] = "+4930123456";
    return call;
  }
  std::vector<std::string> Kinds(const std::string& session_id) {
    const auto page = Await<absl::StatusOr<EventPage>>([&](auto done) {
      ledger_->ListEvents({.tenant = "clinic", .session_id = session_id}, {}, 100, std::move(done));
    });
    EXPECT_THAT(page, IsOk());
    std::vector<std::string> kinds;
    for (const EventRecord& event : page.value_or(EventPage{}).events) kinds.push_back(event.kind);
    return kinds;
  }
};

TEST_F(SessionEventsTest, ErasuresOfCallsAreAmongThoseOfTheirSession) {
  const int64_t row = Claimed(MakeClaim(1));
  Record(CallOf(2, CallRole::kRead));
  CallRecord met = CallOf(3, CallRole::kReplayed);
  met.intent_row = row;
  Record(std::move(met));
  EXPECT_THAT(Kinds("CA2"), ElementsAre());
  EXPECT_THAT(Await<absl::StatusOr<ErasureResult>>([&](auto done) {
                ledger_->Erase({.tenant = "clinic", .session_id = "CA2", .at = At(300)},
                               std::move(done));
              }),
              IsOk());
  EXPECT_THAT(Kinds("CA2"), ElementsAre("erased", "erased"));
  EXPECT_THAT(Kinds("CA1"), ElementsAre("claimed"));
}

}  // namespace
}  // namespace onetake
