// What a ledger's file says of a request is believed only as far as the manifest goes: somebody who
// may write the file is sent no secret, and has none sent elsewhere.
#include <gmock/gmock.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "runtime/base/event_loop.h"
#include "runtime/base/system_clock.h"
#include "runtime/policy/egress.h"
#include "tests/testing/status_matchers.h"
#include "tools/http/http_executor.h"
#include "tools/http/render.h"
#include "tools/kit/scripted_downstream.h"

namespace onetake::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class HttpRecordedRequestTest : public ::testing::Test {
 protected:
  HttpRecordedRequestTest() : downstream_(*ScriptedDownstream::Start()) {
    loop_.Start();
    tool_->http.emplace();
    tool_->http->method = "POST";
    tool_->http->origin = downstream_->origin();
    tool_->http->allow_networks = ParseAllowedNetwork("loopback").value();
    tool_->http->path = TextTemplate::Parse("/a").value();
    // A variable that every process has.
    tool_->http->headers.push_back(
        {.name = "X-Token", .secret = SecretRef{.name = "PATH"}, .secret_prefix = "Bearer "});
  }
  ~HttpRecordedRequestTest() override { loop_.Stop(); }

  AttemptReport Send(const HttpRequest& recorded) {
    AttemptReport seen;
    absl::Notification done;
    loop_.Post([&] {
      executor_.Start(tool_, {.rendered = Serialise(recorded), .timeout = absl::Seconds(10)},
                      [&](AttemptReport report) {
                        seen = std::move(report);
                        done.Notify();
                      });
    });
    done.WaitForNotification();
    return seen;
  }

  EventLoop loop_;
  SystemClock clock_;
  std::unique_ptr<ScriptedDownstream> downstream_;
  std::shared_ptr<Tool> tool_ = std::make_shared<Tool>();
  HttpExecutor executor_{loop_, clock_, HttpClient::Options{}};
};

TEST_F(HttpRecordedRequestTest, WhatTheManifestWouldMakeIsSent) {
  const HttpRequest recorded = RenderRequest(*tool_, Json::object(), "k").value();
  EXPECT_EQ(Send(recorded).failure, std::nullopt);
  EXPECT_THAT(downstream_->requests(), SizeIs(1));
}

TEST_F(HttpRecordedRequestTest, WhatLeadsElsewhereIsNotSent) {
  using Edit = std::function<void(HttpRequest&)>;
  const std::unique_ptr<ScriptedDownstream> thief = *ScriptedDownstream::Start();
  const std::pair<const char*, Edit> edits[] = {
      {"origin", [&](HttpRequest& request) { request.url = thief->origin() + "/a"; }},
      {"origin", [&](HttpRequest& request) { request.url = "http://localhost:1/a"; }},
      {"secret",
       [](HttpRequest& request) {
         request.secrets.push_back(
             {"X-Key", "", {.kind = SecretRef::Kind::kFile, .name = "/etc/hostname"}});
       }},
      {"secret", [](HttpRequest& request) { request.secrets[0].secret.name = "HOME"; }},
      {"secret",
       [](HttpRequest& request) { request.secrets[0].secret.kind = SecretRef::Kind::kFile; }},
      {"secret", [](HttpRequest& request) { request.secrets[0].name = "X-Other"; }},
      {"secret", [](HttpRequest& request) { request.secrets[0].prefix = ""; }},
  };
  for (const auto& [what, edit] : edits) {
    HttpRequest recorded = RenderRequest(*tool_, Json::object(), "k").value();
    edit(recorded);
    const AttemptReport report = Send(recorded);
    EXPECT_EQ(report.failure, FailureKind::kNotSent);
    EXPECT_EQ(report.reached, Reached::kNothingSent);
    EXPECT_THAT(report.error, HasSubstr(absl::StrCat("another ", what, " than the manifest")));
  }
  EXPECT_THAT(downstream_->requests(), IsEmpty());
  EXPECT_THAT(thief->requests(), IsEmpty());
}

TEST_F(HttpRecordedRequestTest, WhatNoManifestOfThisKindNamesIsNotSent) {
  const HttpRequest recorded = RenderRequest(*tool_, Json::object(), "k").value();
  tool_->http.reset();
  EXPECT_EQ(Send(recorded).failure, FailureKind::kNotSent);
  EXPECT_THAT(downstream_->requests(), IsEmpty());
}

// R17: of the bytes of another version it depends on them whether the downstream knows the key.
TEST(HttpHoldsKeyTest, TheKeyIsWhereTheManifestPlacesItOrNotThere) {
  const auto at_header = [](const char* name) {
    return KeyPlacement{.kind = KeyPlacement::Kind::kHeader, .header = name, .body = {}};
  };
  const auto in_body = [](const char* path) {
    return KeyPlacement{
        .kind = KeyPlacement::Kind::kBody, .header = {}, .body = JsonPath::Parse(path).value()};
  };
  const KeyPlacement places[] = {at_header("Idempotency-Key"), at_header("X-Idempotency-Key"),
                                 in_body("$.key"), in_body("$.request_id")};
  for (const bool is_form : {false, true}) {
    Tool tool;
    tool.http.emplace();
    tool.http->method = "POST";
    tool.http->origin = "http://127.0.0.1:1";
    tool.http->path = TextTemplate::Parse("/a").value();
    auto& body = is_form ? tool.http->form : tool.http->body;
    body = JsonTemplate::Parse(Json{{"name", "a b"}}).value();
    for (const KeyPlacement& then : places) {
      tool.key_placement = then;
      const HttpRequest request = RenderRequest(tool, Json::object(), "k & 1").value();
      for (const KeyPlacement& now : places) {
        SCOPED_TRACE(absl::StrCat(is_form, then.header, now.header));
        tool.key_placement = now;
        EXPECT_EQ(HoldsKey(tool, request, "k & 1"), &then == &now);
        EXPECT_FALSE(HoldsKey(tool, request, "k"));
      }
      tool.key_placement.reset();
      EXPECT_FALSE(HoldsKey(tool, request, "k & 1"));
    }
  }
}

}  // namespace
}  // namespace onetake::testing
