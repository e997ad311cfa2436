#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>

#include "httplib.h"
#include "nlohmann/json.hpp"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/dental_temp_folder.h"
#include "tools/dental/practice_api.h"

namespace onetake::dental {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::StatusIs;
using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr char kBooking[] =
    R"({"slot_iso":"2026-06-24T14:00:00-05:00","provider_id":"dr-kim","patient_id":"pat-1"})";
constexpr char kRespelled[] =
    R"({"slot_iso":"2026-06-24 2pm","provider_id":"dr-kim","patient_id":"pat-1","notes":"again"})";

class PracticeApiTest : public ::testing::Test {
 protected:
  // No latency unless a test asks for it.
  PracticeApi::Options Quick() const {
    PracticeApi::Options options;
    options.threads = 4;
    options.db_path = folder_.File("practice.db");
    options.fate.time_scale = 0;
    return options;
  }

  void Serve(const PracticeApi::Options& options) {
    auto api = PracticeApi::Start(options);
    ASSERT_THAT(api, IsOk());
    api_ = *std::move(api);
  }

  httplib::Client Client() const { return httplib::Client("127.0.0.1", api_->port()); }
  httplib::Result Post(const std::string& path, const std::string& body,
                       const std::string& key = "") const {
    httplib::Headers headers;
    if (!key.empty()) headers.emplace("Idempotency-Key", key);
    return Client().Post(path, headers, body, "application/json");
  }
  httplib::Result Book(const std::string& key = "") const {
    return Post("/appointments", kBooking, key);
  }
  Json Get(const std::string& path) const {
    const httplib::Result answer = Client().Get(path);
    EXPECT_TRUE(answer) << to_string(answer.error());
    return answer ? Json::parse(answer->body) : Json();
  }
  Json Stats() const { return Get("/stats"); }
  // Waits for something that another thread of the API is about to do.
  void AwaitStat(const char* pointer, int value) const {
    EXPECT_TRUE(onetake::testing::Eventually([&] {
      return Stats().value(Json::json_pointer(pointer), 0) == value;
    })) << pointer;
  }

  TempFolder folder_;
  std::unique_ptr<PracticeApi> api_;
};

TEST_F(PracticeApiTest, BooksAndFindsByInstantNotBySpelling) {
  Serve(Quick());
  const httplib::Result booked = Book();
  ASSERT_TRUE(booked);
  EXPECT_EQ(booked->status, 201);
  const Json appointment = Json::parse(booked->body);
  EXPECT_EQ(appointment["slot_iso"], "2026-06-24T14:00:00-05:00");
  EXPECT_EQ(appointment["status"], "booked");

  const Json found = Get("/appointments?slot=2026-06-24T19%3A00%3A00Z&provider=dr-kim");
  ASSERT_EQ(found["appointments"].size(), 1);
  EXPECT_EQ(found["appointments"][0], appointment);
  EXPECT_EQ(Get("/appointments/" + appointment["id"].get<std::string>()), appointment);
  EXPECT_TRUE(Get("/appointments?patient=pat-2")["appointments"].empty());
}

TEST_F(PracticeApiTest, ADoubleBookingInAnotherSpellingShowsInTheStatistics) {
  Serve(Quick());
  EXPECT_EQ(Book()->status, 201);
  EXPECT_EQ(Post("/appointments", kRespelled)->status, 201);
  EXPECT_EQ(Stats()["rows"], 2);
  EXPECT_EQ(Stats()["duplicates"], 1);
  EXPECT_EQ(Stats()["requests"]["book"], 2);
}

TEST_F(PracticeApiTest, CancelsTwiceAndReschedules) {
  Serve(Quick());
  Book();
  EXPECT_EQ(Post("/appointments/1/reschedule", R"({"slot_iso":"2026-06-24 3pm"})")->status, 200);
  EXPECT_EQ(Get("/appointments/1")["slot_iso"], "2026-06-24T15:00:00-05:00");
  EXPECT_EQ(Post("/appointments/1/cancel", "")->status, 200);
  EXPECT_EQ(Post("/appointments/1/cancel", "")->status, 200);
  EXPECT_EQ(Post("/appointments/1/reschedule", R"({"slot_iso":"2026-06-24 4pm"})")->status, 409);
  EXPECT_TRUE(Get("/appointments")["appointments"].empty());
  EXPECT_EQ(Get("/appointments?status=all")["appointments"][0]["status"], "cancelled");
}

TEST_F(PracticeApiTest, OffersTheHalfHoursThatAreFree) {
  Serve(Quick());
  EXPECT_EQ(Get("/slots?date=2026-06-24&provider=dr-kim")["slots"].size(), 18);
  Book();
  const Json slots = Get("/slots?date=2026-06-24&provider=dr-kim")["slots"];
  EXPECT_EQ(slots.size(), 17);
  for (const Json& slot : slots) EXPECT_NE(slot["slot_iso"], "2026-06-24T14:00:00-05:00");
  EXPECT_EQ(Get("/slots?date=2026-06-24&provider=dr-ito")["slots"].size(), 18);
}

struct BadRequest {
  const char* name;
  const char* path;
  const char* body;
  int status;
  const char* message;
};

class PracticeApiRefusalTest : public PracticeApiTest,
                               public ::testing::WithParamInterface<BadRequest> {};

TEST_P(PracticeApiRefusalTest, NamesTheFieldAndWritesNothing) {
  Serve(Quick());
  const httplib::Result answer = Post(GetParam().path, GetParam().body);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, GetParam().status);
  EXPECT_THAT(answer->body, HasSubstr(GetParam().message));
  EXPECT_EQ(Stats()["rows"], 0);
}

INSTANTIATE_TEST_SUITE_P(
    Bad, PracticeApiRefusalTest,
    ::testing::Values(
        BadRequest{"NotJson", "/appointments", "{", 400, "JSON object"},
        BadRequest{"NotAnObject", "/appointments", "[1]", 400, "JSON object"},
        BadRequest{"NoSlot", "/appointments", R"({"provider_id":"a","patient_id":"b"})", 400,
                   "slot_iso"},
        BadRequest{"BadSlot", "/appointments",
                   R"({"slot_iso":"soon","provider_id":"a","patient_id":"b"})", 400,
                   "slot_iso: must be an instant"},
        BadRequest{"NoProvider", "/appointments",
                   R"({"slot_iso":"2026-06-24 2pm","patient_id":"b"})", 400, "provider_id"},
        BadRequest{"EmptyPatient", "/appointments",
                   R"({"slot_iso":"2026-06-24 2pm","provider_id":"a","patient_id":""})", 400,
                   "patient_id"},
        BadRequest{"NotesNotText", "/appointments",
                   R"({"slot_iso":"2026-06-24 2pm","provider_id":"a","patient_id":"b","notes":1})",
                   400, "notes"},
        BadRequest{"CancelUnknown", "/appointments/9/cancel", "", 404, "no appointment 9"},
        BadRequest{"HugeId", "/appointments/99999999999999999999/cancel", "", 400, "id"}),
    [](const auto& info) { return info.param.name; });

TEST_F(PracticeApiTest, ReadsNameTheParameterThatIsWrong) {
  Serve(Quick());
  EXPECT_THAT(Get("/slots?provider=dr-kim")["message"].get<std::string>(), HasSubstr("date"));
  EXPECT_THAT(Get("/slots?date=2026-06-24")["message"].get<std::string>(), HasSubstr("provider"));
  EXPECT_THAT(Get("/appointments?slot=soon")["message"].get<std::string>(), HasSubstr("slot"));
  EXPECT_THAT(Get("/appointments?status=x")["message"].get<std::string>(), HasSubstr("status"));
}

TEST_F(PracticeApiTest, TheSameKeyAndRequestBookOnce) {
  Serve(Quick());
  const httplib::Result first = Book("key-1");
  const httplib::Result second = Book("key-1");
  EXPECT_EQ(second->status, 201);
  EXPECT_EQ(second->body, first->body);
  EXPECT_EQ(Stats()["rows"], 1);
  EXPECT_EQ(Stats()["keys"]["replayed"], 1);
  EXPECT_EQ(Book("key-2")->status, 201);
  EXPECT_EQ(Stats()["rows"], 2);
}

TEST_F(PracticeApiTest, TheSameKeyWithAnotherRequestIsRefused) {
  Serve(Quick());
  Book("key-1");
  const httplib::Result reused = Post("/appointments", kRespelled, "key-1");
  EXPECT_EQ(reused->status, 422);
  EXPECT_EQ(Json::parse(reused->body)["error"], "key_reused");
  EXPECT_EQ(Stats()["rows"], 1);
}

TEST_F(PracticeApiTest, AKeyIsInUseUntilItsFirstRequestIsAnswered) {
  PracticeApi::Options options = Quick();
  options.fate.time_scale = 1000;  // the first request runs until the API stops
  Serve(options);
  auto one = std::async(std::launch::async, [this] { return Book("key-1"); });
  auto other = std::async(std::launch::async, [this] { return Book("key-1"); });
  AwaitStat("/keys/in_use", 1);
  api_.reset();
  const httplib::Result answers[] = {one.get(), other.get()};
  ASSERT_TRUE(answers[0] && answers[1]);
  EXPECT_EQ(answers[0]->status + answers[1]->status, 201 + 409);
}

TEST_F(PracticeApiTest, AnExpiredKeyBooksAgain) {
  PracticeApi::Options options = Quick();
  options.key_retention = absl::ZeroDuration();
  Serve(options);
  Book("key-1");
  EXPECT_EQ(Book("key-1")->status, 201);
  EXPECT_EQ(Stats()["duplicates"], 1);
}

TEST_F(PracticeApiTest, IgnoredKeysBookEveryTime) {
  PracticeApi::Options options = Quick();
  options.keys = KeyMode::kIgnore;
  Serve(options);
  Book("key-1");
  Book("key-1");
  EXPECT_EQ(Stats()["duplicates"], 1);
}

TEST_F(PracticeApiTest, AnErrorBeforeTheCommitLeavesNoRowAndNoKey) {
  PracticeApi::Options options = Quick();
  options.fate.error_before_commit = 1;
  Serve(options);
  EXPECT_EQ(Book("key-1")->status, 503);
  EXPECT_EQ(Book("key-1")->status, 503);  // tried again, not repeated from the record
  EXPECT_EQ(Stats()["rows"], 0);
  EXPECT_EQ(Stats()["faults"]["error_before_commit"], 2);
}

TEST_F(PracticeApiTest, AnErrorAfterTheCommitLeavesTheRowAndItsAnswerUnderTheKey) {
  PracticeApi::Options options = Quick();
  options.fate.error_after_commit = 1;
  Serve(options);
  EXPECT_EQ(Book("key-1")->status, 500);
  EXPECT_EQ(Stats()["rows"], 1);
  EXPECT_EQ(Book("key-1")->status, 201);
  EXPECT_EQ(Stats()["rows"], 1);
}

TEST_F(PracticeApiTest, AResetComesAfterTheCommit) {
  PracticeApi::Options options = Quick();
  options.fate.commit_then_reset = 1;
  Serve(options);
  const httplib::Result answer = Book();
  EXPECT_FALSE(answer);
  EXPECT_EQ(answer.error(), httplib::Error::Read);
  EXPECT_EQ(Stats()["rows"], 1);
}

TEST_F(PracticeApiTest, AStallComesAfterTheCommitAndReleasesTheKey) {
  PracticeApi::Options options = Quick();
  options.fate.commit_then_stall = 1;
  Serve(options);
  httplib::Client client = Client();
  client.set_read_timeout(std::chrono::milliseconds(50));
  EXPECT_FALSE(
      client.Post("/appointments", {{"Idempotency-Key", "key-1"}}, kBooking, "application/json"));
  AwaitStat("/rows", 1);
  while (Book("key-1")->status == 409) {
  }
  EXPECT_EQ(Book("key-1")->status, 201);
  EXPECT_EQ(Stats()["rows"], 1);
}

TEST_F(PracticeApiTest, StoppingWakesStalledRequests) {
  PracticeApi::Options options = Quick();
  options.stall = absl::Hours(1);
  options.fate.commit_then_stall = 1;
  Serve(options);
  auto stalled = std::async(std::launch::async, [this] {
    httplib::Client client = Client();
    client.set_read_timeout(std::chrono::hours(1));
    return client.Post("/appointments", kBooking, "application/json");
  });
  AwaitStat("/rows", 1);
  api_.reset();
  EXPECT_FALSE(stalled.get());
}

TEST_F(PracticeApiTest, RowsAndKeysOutliveTheProcess) {
  Serve(Quick());
  const std::string body = Book("key-1")->body;
  api_.reset();
  Serve(Quick());
  EXPECT_EQ(Book("key-1")->body, body);
  EXPECT_EQ(Stats()["rows"], 1);
}

TEST_F(PracticeApiTest, SaysWhenTheAddressIsTaken) {
  Serve(Quick());
  PracticeApi::Options second = Quick();
  second.port = api_->port();
  second.db_path = folder_.File("second.db");
  EXPECT_THAT(PracticeApi::Start(second),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("Address already in use")));
}

}  // namespace
}  // namespace onetake::dental
