#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "runtime/intent/identity.h"
#include "runtime/intent/key.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOkAndHolds;
using ::onetake::testing::StatusIs;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

Secret TenantKey() { return Secret("tenant-key-of-the-tests"); }

IntentIdentity Booking() {
  return {.tenant = "acme",
          .tool = "book_appointment",
          .scope = "session:CA123",
          .identity = {{"provider_id", "dr-kim"}, {"slot_iso", "2026-06-24T19:00:00Z"}},
          .occurrence = 0};
}

// The vectors were computed with Python's hmac from the derivation that key.h describes. A failure
// here means that live intents would get new keys: never correct the vector.
TEST(GoldenVectorTest, IntentIdAndKeysOfGenerations) {
  EXPECT_EQ(IntentId(TenantKey(), Booking()), "face2646019dc99166654abcd73e454e");
  EXPECT_EQ(IntentKey(TenantKey(), Booking(), 1), "d5c71fa9ea6c2f75fb9c0d19092c61d2");
  EXPECT_EQ(IntentKey(TenantKey(), Booking(), 2), "7b5c6e874a63bf0ab05f95fbd6bc51b9");
}

TEST(GoldenVectorTest, Occurrence) {
  IntentIdentity second = Booking();
  second.occurrence = 1;
  EXPECT_EQ(IntentId(TenantKey(), second), "b33ba3bc3bb368796ad05dea28985dde");
}

TEST(GoldenVectorTest, TextBeyondAscii) {
  const IntentIdentity intent{.tenant = "zahn-\u00e4rzte",
                              .tool = "book_appointment",
                              .scope = "attribute:caller_phone=+13125550123",
                              .identity = Json::object(),
                              .occurrence = 7};
  EXPECT_EQ(IntentKey(TenantKey(), intent, 12), "c7a13ea3fe8fec268c8cf784adfc3fb2");
}

TEST(GoldenVectorTest, FingerprintOfACall) {
  EXPECT_EQ(Fingerprint(TenantKey(), "book_appointment", R"({"a":1})", "", 0),
            "aeaae6607dce70008b802ed8be416031");
}

TEST(GoldenVectorTest, DigestOfAnAttribute) {
  EXPECT_EQ(AttributeDigest(TenantKey(), "acme", "caller_phone", "+4930123456"),
            "d9cbefc7ffd83eb395312115eb67fe9e");
}

TEST(GoldenVectorTest, WhateverKeyAndThreadWereUsedBefore) {
  const std::string with_another = IntentId(Secret("another"), Booking());
  EXPECT_EQ(IntentId(TenantKey(), Booking()), "face2646019dc99166654abcd73e454e");
  EXPECT_EQ(IntentId(Secret("another"), Booking()), with_another);
  std::string on_another_thread;
  std::thread([&] { on_another_thread = IntentId(TenantKey(), Booking()); }).join();
  EXPECT_EQ(on_another_thread, "face2646019dc99166654abcd73e454e");
}

TEST(AttributeDigestTest, TellsTenantsNamesAndValuesApart) {
  const std::set<std::string> digests = {
      AttributeDigest(TenantKey(), "a", "b", "c"), AttributeDigest(TenantKey(), "ab", "", "c"),
      AttributeDigest(TenantKey(), "a", "bc", ""), AttributeDigest(TenantKey(), "a", "", "bc"),
      AttributeDigest(Secret("another"), "a", "b", "c")};
  EXPECT_EQ(digests.size(), 5U);
}

// ---- What changes an id and a key.

void ExpectAllDiffer(const std::vector<IntentIdentity>& intents) {
  std::set<std::string> digests;
  for (const IntentIdentity& intent : intents) {
    digests.insert(IntentId(TenantKey(), intent));
    digests.insert(IntentKey(TenantKey(), intent, 1));
    digests.insert(IntentKey(TenantKey(), intent, 2));
  }
  EXPECT_EQ(digests.size(), intents.size() * 3);
}

TEST(IntentKeyTest, EveryBitOfEveryFieldCounts) {
  const std::string slot = "2026-06-24T19:00:00Z";
  std::vector<IntentIdentity> intents = {Booking()};
  const auto flip_all = [&intents](std::string text,
                                   const std::function<void(IntentIdentity&, std::string)>& put) {
    for (size_t bit = 0; bit < text.size() * 8; ++bit) {
      std::string flipped = text;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      intents.push_back(Booking());
      put(intents.back(), std::move(flipped));
    }
  };
  flip_all("acme", [](IntentIdentity& intent, std::string s) { intent.tenant = std::move(s); });
  flip_all("book_appointment",
           [](IntentIdentity& intent, std::string s) { intent.tool = std::move(s); });
  flip_all("session:CA123",
           [](IntentIdentity& intent, std::string s) { intent.scope = std::move(s); });
  flip_all(slot, [](IntentIdentity& intent, std::string s) {
    intent.identity["slot_iso"] = std::move(s);
  });
  for (int occurrence = 1; occurrence <= 10; ++occurrence) {
    intents.push_back(Booking());
    intents.back().occurrence = occurrence;
  }
  ExpectAllDiffer(intents);
}

TEST(IntentKeyTest, ACharacterThatMovesToTheNextFieldCounts) {
  std::vector<IntentIdentity> intents;
  for (const auto& [tenant, tool, scope] :
       std::vector<std::tuple<const char*, const char*, const char*>>{{"abc", "def", "ghi"},
                                                                      {"abcd", "ef", "ghi"},
                                                                      {"ab", "cdef", "ghi"},
                                                                      {"abc", "defg", "hi"},
                                                                      {"abc", "de", "fghi"},
                                                                      {"abcdef", "", "ghi"},
                                                                      {"", "abcdef", "ghi"},
                                                                      {"abc", "defghi", ""},
                                                                      {"abc", "", "defghi"}}) {
    intents.push_back({.tenant = tenant, .tool = tool, .scope = scope, .identity = Json::object()});
  }
  ExpectAllDiffer(intents);
}

TEST(IntentKeyTest, TheTenantsSecretCounts) {
  const Secret other("tenant-key-of-the-testr");
  EXPECT_NE(IntentId(TenantKey(), Booking()), IntentId(other, Booking()));
  EXPECT_NE(IntentKey(TenantKey(), Booking(), 1), IntentKey(other, Booking(), 1));
}

TEST(IntentKeyTest, EveryGenerationHasItsOwnKey) {
  std::set<std::string> keys;
  for (int generation = 1; generation <= 100; ++generation) {
    keys.insert(IntentKey(TenantKey(), Booking(), generation));
  }
  EXPECT_EQ(keys.size(), 100);
}

TEST(IntentKeyTest, TheOrderOfMembersDoesNotCount) {
  IntentIdentity other = Booking();
  other.identity =
      *ParseJson(R"({"slot_iso":"2026-06-24T19:00:00Z","provider_id":"dr-kim"})", ArgumentLimits());
  EXPECT_EQ(IntentKey(TenantKey(), other, 1), IntentKey(TenantKey(), Booking(), 1));
}

TEST(IntentKeyTest, FitsTheNarrowestDownstream) {
  EXPECT_THAT(IntentKey(TenantKey(), Booking(), 1), MatchesRegex("[0-9a-f]{32}"));
  EXPECT_THAT(IntentId(TenantKey(), Booking()), MatchesRegex("[0-9a-f]{32}"));
}

TEST(IntentKeyDeathTest, WithoutASecretThereIsNoKey) {
  EXPECT_DEATH(IntentKey(Secret(), Booking(), 1), "check failed");
  EXPECT_DEATH(IntentKey(TenantKey(), Booking(), 0), "check failed");
}

std::string KeyOf(const char* slot) {
  const std::vector<IdentityField> fields = {{"$.slot", "slot", Normaliser::kInstant}};
  IntentIdentity intent = Booking();
  const absl::StatusOr<Json> identity =
      MakeIdentity(fields, {{"slot", slot}}, {.time_zone = "America/Chicago"});
  if (!identity.ok()) return identity.status().ToString();
  intent.identity = *identity;
  return IntentKey(TenantKey(), intent, 1);
}

TEST(IntentKeyTest, ThirtySpellingsOfOneInstantAreOneKeyAndTwoInstantsAreTwo) {
  const std::vector<const char*> spellings = {"2026-06-24T14:00:00-05:00",
                                              "2026-06-24T19:00:00Z",
                                              "2026-06-24t19:00:00z",
                                              "2026-06-24T19:00:00.000Z",
                                              "2026-06-24T19:00:00+00:00",
                                              "2026-06-24T19:00:00+00",
                                              "2026-06-24T14:00:00-0500",
                                              "2026-06-24T14:00-05",
                                              "2026-06-24T14:00",
                                              "2026-06-24 14:00:00-05:00",
                                              "2026-06-24 14:00",
                                              "2026-06-24 2pm",
                                              "2026-06-24 2 PM",
                                              "2026-06-24 2:00 p.m.",
                                              "2026-06-24 2:00\u202fPM",
                                              "2026-06-24 2pm -05:00",
                                              "2026-06-24 19:00 UTC",
                                              "2026-06-24 19:00 GMT",
                                              "2026-06-24 14:00 America/Chicago",
                                              "2026-06-24T14:00:00-05:00[America/Chicago]",
                                              "June 24, 2026 2pm",
                                              "June 24th, 2026 at 2:00 PM",
                                              "Jun 24 2026 14:00",
                                              "24 June 2026 14:00",
                                              "24-Jun-2026 14:00",
                                              "Wed, 24 Jun 2026 14:00:00 -0500",
                                              "2026/06/24 14:00",
                                              "06/24/2026 2:00 PM",
                                              "24.06.2026 14:00",
                                              "20260624T140000-0500"};
  ASSERT_EQ(spellings.size(), 30);
  std::set<std::string> keys;
  for (const char* spelling : spellings) {
    EXPECT_THAT(KeyOf(spelling), MatchesRegex("[0-9a-f]{32}")) << spelling;
    keys.insert(KeyOf(spelling));
  }
  EXPECT_EQ(keys.size(), 1);
  keys.insert(KeyOf("2026-06-24T14:00:01-05:00"));
  EXPECT_EQ(keys.size(), 2);
}

// ---- Fingerprint

TEST(FingerprintTest, EveryFieldAndEveryBorderCounts) {
  std::set<std::string> digests;
  int calls = 0;
  for (const auto& [tool, arguments, intent_id, occurrence] :
       std::vector<std::tuple<const char*, const char*, const char*, int>>{{"ab", "{}", "cd", 0},
                                                                           {"a", "b{}", "cd", 0},
                                                                           {"ab", "{}c", "d", 0},
                                                                           {"ab", "{}cd", "", 0},
                                                                           {"ab", "{}", "cd", 1},
                                                                           {"ac", "{}", "cd", 0},
                                                                           {"ab", "{ }", "cd", 0},
                                                                           {"ab", "{}", "ce", 0}}) {
    digests.insert(Fingerprint(TenantKey(), tool, arguments, intent_id, occurrence));
    ++calls;
  }
  digests.insert(Fingerprint(Secret("other"), "ab", "{}", "cd", 0));
  EXPECT_EQ(digests.size(), calls + 1);
}

// ---- The function that systems use which come to us:
// sha256(f"{call_id}:{slot_iso}:{provider_id}").hexdigest()[:32]

constexpr absl::string_view kTheirTemplate = "{session_id}:{slot_iso}:{provider_id}";

std::string First32HexOfSha256(absl::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return absl::BytesToHexString(
             absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest)))
      .substr(0, 32);
}

Json TheirValues() {
  return {{"session_id", "call-17"},
          {"slot_iso", "2026-06-24T14:00:00-05:00"},
          {"provider_id", "dr-kim"},
          {"notes", "first visit"}};
}

TEST(TemplateKeyTest, IsWhatTheOldFunctionGives) {
  const TextTemplate text = *TextTemplate::Parse(kTheirTemplate);
  const std::string expected = First32HexOfSha256("call-17:2026-06-24T14:00:00-05:00:dr-kim");
  EXPECT_THAT(TemplateKey(text, TheirValues(), 1), IsOkAndHolds(Eq(expected)));
  EXPECT_EQ(expected, "ab2607294f26af9a04a5f646a03bc1b8");  // the same, by Python's hashlib
}

TEST(TemplateKeyTest, LaterGenerationsAppendTheirNumber) {
  const TextTemplate text = *TextTemplate::Parse(kTheirTemplate);
  const std::string first = *TemplateKey(text, TheirValues(), 1);
  EXPECT_THAT(TemplateKey(text, TheirValues(), 2), IsOkAndHolds(Eq(first + ":g2")));
  EXPECT_THAT(TemplateKey(text, TheirValues(), 12), IsOkAndHolds(Eq(first + ":g12")));
}

TEST(TemplateKeyTest, NamesTheHoleThatIsEmpty) {
  const TextTemplate text = *TextTemplate::Parse(kTheirTemplate);
  for (const Json& empty : {Json(""), Json(), Json::array()}) {
    Json values = TheirValues();
    values["slot_iso"] = empty;
    EXPECT_THAT(TemplateKey(text, values, 1),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("slot_iso")));
  }
  Json values = TheirValues();
  values.erase("provider_id");
  EXPECT_THAT(TemplateKey(text, values, 1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("provider_id")));
}

TEST(TemplateKeyTest, NumbersAreWrittenAsJsonWritesThem) {
  const TextTemplate text = *TextTemplate::Parse("{id}");
  EXPECT_THAT(TemplateKey(text, {{"id", 42}}, 1), IsOkAndHolds(Eq(First32HexOfSha256("42"))));
}

}  // namespace
}  // namespace onetake
