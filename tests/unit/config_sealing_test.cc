#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "runtime/config/config.h"
#include "runtime/config/secret_command.h"
#include "tests/testing/status_matchers.h"

namespace onetake {
namespace {

using ::onetake::testing::IsOk;
using ::onetake::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

absl::StatusOr<ServerConfig> Parse(absl::string_view sealing) {
  return ParseConfig(absl::StrCat("ledger: { path: l.db }\ntools: [t]\n", sealing), "/etc/o.yaml");
}

TEST(SealingConfigTest, IsOnByDefaultWithAFileBesideTheConfiguration) {
  const auto config = Parse("");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->sealing.new_rows, SealingConfig::NewRows::kSealed);
  EXPECT_EQ(config->sealing.master.kind, SecretSource::Kind::kFile);
  EXPECT_EQ(config->sealing.master.name, "/etc/onetake.master");
  EXPECT_EQ(config->sealing.rotate_every, absl::Hours(2160));
}

TEST(SealingConfigTest, CanBeTurnedOffOnPurpose) {
  EXPECT_EQ(Parse("sealing: off\n")->sealing.new_rows, SealingConfig::NewRows::kPlain);
  EXPECT_EQ(Parse("sealing: on\n")->sealing.new_rows, SealingConfig::NewRows::kSealed);
}

TEST(SealingConfigTest, TakesEveryField) {
  const auto config = Parse(
      "sealing:\n"
      "  master: { command: [/usr/bin/fetch, key] }\n"
      "  previous: [{ file: old }, { env: OLDER }]\n"
      "  rotate_every: 24h\n");
  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(config->sealing.master.command, ElementsAre("/usr/bin/fetch", "key"));
  ASSERT_THAT(config->sealing.previous, SizeIs(2));
  EXPECT_EQ(config->sealing.previous[0].name, "/etc/old");
  EXPECT_EQ(config->sealing.previous[1].kind, SecretSource::Kind::kEnv);
  EXPECT_EQ(config->sealing.rotate_every, absl::Hours(24));
}

TEST(SealingConfigTest, NamesWhatIsWrong) {
  for (const auto& [text, said] : {
           std::pair{"sealing: maybe", "sealing: must be on, off"},
           std::pair{"sealing: { master: { file: a, env: B } }", "sealing.master: needs exactly"},
           std::pair{"sealing: { master: { command: [fetch] } }", "absolute path"},
           std::pair{"sealing: { master: { command: fetch } }", "must be a list"},
           std::pair{"sealing: { rotate_every: 90d }", "sealing.rotate_every"},
           std::pair{"sealing: { previous: { file: a } }", "sealing.previous: must be a list"},
           std::pair{"sealing: { mastr: {} }", "did you mean"},
           std::pair{"intent_key: { command: [/bin/true] }", "intent_key.command"},
       }) {
    EXPECT_THAT(Parse(absl::StrCat(text, "\n")),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(said)))
        << text;
  }
}

TEST(SecretCommandTest, GivesWhatTheProgramSays) {
  const auto secret = ReadSecretFromCommand({"/bin/echo", "0123456789"}, absl::Seconds(30));
  ASSERT_THAT(secret, IsOk());
  EXPECT_EQ(secret->Reveal(), "0123456789\n");
}

TEST(SecretCommandTest, NamesTheProgramThatFailsAndTellsNothingOfWhatItSaid) {
  for (const auto& [command, said] :
       {std::pair{std::vector<std::string>{"/no/such/program"}, "cannot be started"},
        std::pair{std::vector<std::string>{"/bin/sh", "-c", "echo s3cret; exit 3"},
                  "ended with status 3"},
        std::pair{std::vector<std::string>{"/bin/sh", "-c", "echo s3cret; kill -9 $$"},
                  "ended by signal 9"},
        std::pair{std::vector<std::string>{"/bin/sh", "-c", "head -c 5000 /dev/zero"},
                  "says too much"}}) {
    EXPECT_THAT(ReadSecretFromCommand(command, absl::Seconds(30)),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         ::testing::AllOf(HasSubstr(said), HasSubstr(command[0]),
                                          Not(HasSubstr("s3cret")))));
  }
}

TEST(SecretCommandTest, OneThatClosesItsOutputAndLivesOnIsKilled) {
  EXPECT_THAT(
      ReadSecretFromCommand({"/bin/sh", "-c", "exec >&-; exec sleep 600"}, absl::Milliseconds(50)),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ended by signal 9")));
}

TEST(SecretCommandTest, OneThatHangsIsKilled) {
  EXPECT_THAT(ReadSecretFromCommand({"/bin/sleep", "600"}, absl::Milliseconds(20)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("took too long")));
}

}  // namespace
}  // namespace onetake
