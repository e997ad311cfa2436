#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "runtime/access/bearer_token.h"
#include "runtime/access/token_file.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace onetake {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::SizeIs;
using testing::StatusIs;

constexpr char kLine[] =
    R"({"created_at":"2026-06-24T14:00:00Z","expires_at":"2026-09-22T14:00:00Z",)"
    R"("id":"0123456789abcdef","name":"voice-agent","roles":"execute,audit",)"
    R"("sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",)"
    R"("tenant":"north"})";

std::string With(const std::string& from, const std::string& to) {
  std::string line = kLine;
  return line.replace(line.find(from), from.size(), to);
}

TEST(TokenFileTest, IsReadAndWritten) {
  const auto tokens = ParseTokens(std::string("# ours\n\n") + kLine + "\n");
  ASSERT_THAT(tokens, IsOk());
  ASSERT_THAT(*tokens, SizeIs(1));
  const TokenRecord& token = tokens->front();
  EXPECT_EQ(token.name, "voice-agent");
  EXPECT_EQ(token.tenant, "north");
  EXPECT_EQ(token.roles.ToText(), "execute,audit");
  EXPECT_EQ(token.expires_at,
            absl::FromCivil(absl::CivilHour(2026, 9, 22, 14), absl::UTCTimeZone()));
  EXPECT_FALSE(token.revoked_at.has_value());
  EXPECT_EQ(DumpTokens(*tokens), std::string(kLine) + "\n");
}

// SHA-256 of "abc", FIPS 180-4.
TEST(TokenFileTest, KeepsTheDigestOfTheSecret) {
  EXPECT_EQ(SecretDigest(Secret("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(TokenFileTest, WhatIsWrongIsNamedWithItsLine) {
  const std::pair<std::string, std::string> faults[] = {
      {"{", "line 2: is no JSON object"},
      {"[]", "line 2: is no JSON object"},
      {With("0123456789abcdef", "0123456789abcdeg"), "line 2: id: must be 16"},
      {With("ba7816", "BA7816"), "line 2: sha256: must be 64"},
      {With("voice-agent", "voice agent"), "line 2: name: must be 1 to 64"},
      {With("\"north\"", "\"\""), "line 2: tenant: must be 1 to 64"},
      {With("execute,audit", "execute,root"), "line 2: roles: must be some of"},
      {With("2026-09-22T14:00:00Z", "tomorrow"), "line 2: expires_at: must be a time"},
      {With("\"tenant\":\"north\"", "\"tenant\":7"), "line 2: tenant: must be a text"},
      {With("\"tenant\"", "\"admin\":true,\"tenant\""), "line 2: a member: is not known"},
      {With("\"tenant\"", "\"revoked_at\":null,\"tenant\""), "line 2: revoked_at: must be a text"},
  };
  for (const auto& [line, message] : faults) {
    EXPECT_THAT(ParseTokens("\n" + line),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)))
        << line;
  }
  EXPECT_THAT(ParseTokens(std::string(kLine) + "\n" + kLine),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line 2: id: is that of")));
}

class TokenFileOnDiskTest : public ::testing::Test {
 protected:
  absl::Status Add(const std::string& id) {
    TokenRecord token = ParseTokens(kLine)->front();
    token.id = id;
    return EditTokenFile(path_, [&](std::vector<TokenRecord>& tokens) {
      tokens.push_back(token);
      return absl::OkStatus();
    });
  }
  testing::TempDir folder_;
  const std::string path_ = folder_.path() + "/tokens";
};

TEST_F(TokenFileOnDiskTest, IsMadeForItsOwnerAlone) {
  EXPECT_THAT(ReadTokenFile(path_), StatusIs(absl::StatusCode::kNotFound, HasSubstr(path_)));
  ASSERT_THAT(Add("0000000000000001"), IsOk());
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  chmod(path_.c_str(), 0644);
  EXPECT_THAT(ReadTokenFile(path_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("chmod 600")));
}

TEST_F(TokenFileOnDiskTest, AnEditThatFailsChangesNothing) {
  ASSERT_THAT(Add("0000000000000001"), IsOk());
  EXPECT_THAT(EditTokenFile(path_,
                            [](std::vector<TokenRecord>& tokens) {
                              tokens.clear();
                              return absl::NotFoundError("no such token");
                            }),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no such")));
  EXPECT_THAT(*ReadTokenFile(path_), SizeIs(1));
}

TEST_F(TokenFileOnDiskTest, AFileThatCannotBeReadIsNotReplaced) {
  std::ofstream(path_) << "not ours\n";
  chmod(path_.c_str(), 0600);
  EXPECT_THAT(Add("0000000000000001"), StatusIs(absl::StatusCode::kInvalidArgument,
                                                AllOf(HasSubstr(path_), HasSubstr("line 1"))));
  std::ifstream file(path_);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "not ours\n");
}

TEST_F(TokenFileOnDiskTest, EditsAtTheSameTimeAllCount) {
  std::vector<std::thread> editors;
  for (int editor = 0; editor < 4; ++editor) {
    editors.emplace_back([this, editor] {
      for (int i = 0; i < 5; ++i) {
        EXPECT_THAT(Add("000000000000" + std::to_string(1000 + editor * 10 + i)), IsOk());
      }
    });
  }
  for (std::thread& editor : editors) editor.join();
  EXPECT_THAT(*ReadTokenFile(path_), SizeIs(20));
}

TEST(BearerTokenTest, NoTwoAreAlikeAndEachIsReadBack) {
  const BearerToken one = *NewBearerToken();
  const BearerToken other = *NewBearerToken();
  EXPECT_NE(one.id, other.id);
  EXPECT_FALSE(one.secret.Equals(other.secret.Reveal()));
  const auto read = ParseBearerToken(one.ToText().Reveal());
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->id, one.id);
  EXPECT_TRUE(read->secret.Equals(one.secret.Reveal()));
}

}  // namespace
}  // namespace onetake
