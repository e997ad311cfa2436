// Native plugins: what may be loaded, and that whatever one does short of crashing is an answer.
#include "tools/native/native_plugin.h"

#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "runtime/base/limits.h"
#include "runtime/base/system_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"
#include "tools/native/call_gate.h"
#include "tools/native/checked_file.h"
#include "tools/native/worker_pool.h"

namespace onetake::testing {
namespace {

using ::testing::HasSubstr;

std::string Bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string Sha256(const std::string& bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(digest), size));
}

class CheckedFileTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = dir_.Path(name);
    std::ofstream(path) << text;
    chmod(path.c_str(), 0600);
    return path;
  }
  TempDir dir_;
};

TEST_F(CheckedFileTest, TheCopyIsTheFileThatWasCheckedWhateverBecomesOfIt) {
  const std::string path = Write("a", "checked");
  const absl::StatusOr<int> copy = OpenChecked(path, Sha256("checked"));
  ASSERT_THAT(copy, IsOk());
  std::ofstream(path) << "swapped";
  char buffer[16] = "";
  EXPECT_EQ(pread(*copy, buffer, sizeof(buffer), 0), 7);
  EXPECT_STREQ(buffer, "checked");
  EXPECT_LT(write(*copy, "x", 1), 0) << "it is sealed";
  close(*copy);
}

TEST_F(CheckedFileTest, WhatIsNotAllowedIsRefusedAndSaysWhy) {
  const std::string path = Write("a", "text");
  const std::string digest = Sha256("text");
  EXPECT_THAT(OpenChecked(path, Sha256("other")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("its SHA-256 is " + digest)));
  EXPECT_THAT(OpenChecked(dir_.Path("none"), digest),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("No such file")));
  EXPECT_THAT(OpenChecked(dir_.path(), digest),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no regular file")));
  std::filesystem::create_symlink(path, dir_.Path("link"));
  EXPECT_THAT(OpenChecked(dir_.Path("link"), digest),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("symbolic link")));
  chmod(path.c_str(), 0620);
  EXPECT_THAT(OpenChecked(path, digest),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("chmod go-w")));
}

TEST(NativeLibraryTest, WhatIsNoPluginIsRefusedAndSaysWhy) {
  const std::string odd = ODD_NATIVE_PLUGIN;
  const std::string digest = Sha256(Bytes(odd));
  struct Case {
    const char* settings;
    const char* why;
  };
  for (const Case& test : std::initializer_list<Case>{
           {R"({"a":"refuse"})", "it refuses to start: no licence"},
           {R"({"a":"throw"})", "it threw while it was created"},
           {R"({"a":"future"})", "it was built for plugin ABI 2; this onetaked has 1"},
           {R"({"a":"empty"})", "does not fill onetake_plugin"},
           {R"({"a":"undescribed"})", "its description is not the JSON"}}) {
    EXPECT_THAT(NativeLibrary::Load(odd, digest, test.settings),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(test.why)));
  }
  TempDir dir;
  std::ofstream(dir.Path("x.so")) << "no library";
  chmod(dir.Path("x.so").c_str(), 0600);
  EXPECT_THAT(NativeLibrary::Load(dir.Path("x.so"), Sha256("no library"), "{}"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("x.so: ")));
}

// Counts who asks it after it should be gone.
class MortalClock final : public Clock {
 public:
  absl::Time Now() const override { return clock_.Now(); }
  absl::Duration Elapsed() const override {
    if (gone_) ++asked_too_late_;
    return clock_.Elapsed();
  }
  void Die() { gone_ = true; }
  int asked_too_late() const { return asked_too_late_; }

 private:
  SystemClock clock_;
  std::atomic<bool> gone_{false};
  mutable std::atomic<int> asked_too_late_{0};
};

class NativePluginTest : public ::testing::Test {
 protected:
  NativePluginTest() {
    loop_.Start();
    Load(ODD_NATIVE_PLUGIN, 2);
  }
  ~NativePluginTest() override {
    loop_.Stop();
    plugin_.reset();
  }
  void Load(const std::string& path, int threads, const std::string& settings = "{}") {
    auto plugin = NativePlugin::Load(path, Sha256(Bytes(path)), settings, threads, loop_, clock_);
    ASSERT_THAT(plugin, IsOk());
    plugin_ = *std::move(plugin);
  }
  struct Pending {
    absl::Notification done;
    absl::Notification begun;  // told its progress
    PluginResult result;
    int progress = 0;
    uint64_t id = 0;
  };
  std::shared_ptr<Pending> Start(const std::string& tool, const std::string& arguments = "{}") {
    auto pending = std::make_shared<Pending>();
    absl::Notification started;
    loop_.Post([&] {
      pending->id = plugin_->Invoke(
          {.tool = tool,
           .arguments_json = arguments,
           .key = "k1",
           .attempt = 3,
           .timeout = absl::Seconds(30)},
          [pending](const AttemptProgress&) {
            if (++pending->progress == 1) pending->begun.Notify();
          },
          [pending](PluginResult result) {
            pending->result = std::move(result);
            pending->done.Notify();
          });
      started.Notify();
    });
    started.WaitForNotification();
    return pending;
  }
  std::shared_ptr<Pending> Hang(int pipe) {
    auto pending = Start("hang", std::to_string(pipe));
    pending->begun.WaitForNotification();
    return pending;
  }
  PluginResult Run(const std::string& tool, const std::string& arguments = "{}") {
    const auto pending = Start(tool, arguments);
    EXPECT_TRUE(pending->done.WaitForNotificationWithTimeout(absl::Seconds(20))) << tool;
    return pending->result;
  }
  // Has happened when it returns.
  PluginResult::Delivery Cancel(const Pending& pending) {
    PluginResult::Delivery delivery{};
    absl::Notification cancelled;
    loop_.Post([&] {
      delivery = plugin_->Cancel(pending.id);
      cancelled.Notify();
    });
    cancelled.WaitForNotification();
    return delivery;
  }

  MortalClock clock_;
  EventLoop loop_;
  std::unique_ptr<NativePlugin> plugin_;
};

using Outcome = PluginResult::Outcome;

TEST_F(NativePluginTest, TheCallReachesThePluginWithKeyAndAttempt) {
  const PluginResult result = Run("echo");
  EXPECT_EQ(result.outcome, Outcome::kSucceeded);
  EXPECT_EQ(result.result_json, R"(["k1",3])");
  EXPECT_EQ(plugin_->description()->version, "7");
}

TEST_F(NativePluginTest, WhateverAPluginDoesIsAnAnswer) {
  EXPECT_EQ(Run("throw").outcome, Outcome::kMayHaveHappened);
  EXPECT_EQ(Run("nothing").outcome, Outcome::kMayHaveHappened);
  EXPECT_EQ(Run("future").outcome, Outcome::kMayHaveHappened);
  EXPECT_EQ(Run("null").result_json, "");
  EXPECT_EQ(Run("garbage").outcome, Outcome::kSucceeded);
  EXPECT_EQ(Run("huge").result_json.size(), limits::kResultBytes + 1) << "cut, so no JSON any more";
  const PluginResult busy = Run("no_effect");
  EXPECT_EQ(busy.outcome, Outcome::kNoEffect);
  EXPECT_EQ(busy.retry_after, absl::Milliseconds(1500));
  EXPECT_EQ(busy.error, "busy");
  const PluginResult unknown = Run("nope");
  EXPECT_EQ(unknown.outcome, Outcome::kNoEffect);
  EXPECT_EQ(unknown.delivery, PluginResult::Delivery::kNeverDelivered);
}

TEST_F(NativePluginTest, AFloodOfProgressIsThinnedOut) {
  const auto flood = Start("flood");
  flood->done.WaitForNotification();
  EXPECT_GE(flood->progress, 1);
  EXPECT_LT(flood->progress, 1000);
}

TEST_F(NativePluginTest, APluginThatListensStopsWhenItIsCancelled) {
  const auto pending = Start("obedient");
  pending->begun.WaitForNotification();
  Cancel(*pending);
  EXPECT_TRUE(pending->done.WaitForNotificationWithTimeout(absl::Seconds(20)));
}

TEST_F(NativePluginTest, CallsThatHangAndNobodyWaitsForDoNotHoldUpTheRest) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto first = Hang(ends[0]);
  const auto second = Hang(ends[0]);
  EXPECT_EQ(Cancel(*first), PluginResult::Delivery::kStillRuns);
  EXPECT_EQ(Cancel(*second), PluginResult::Delivery::kStillRuns);
  EXPECT_EQ(Run("echo").outcome, Outcome::kSucceeded) << "others have taken their places";
  const auto third = Hang(ends[0]);
  const auto fourth = Hang(ends[0]);
  Cancel(*third);
  Cancel(*fourth);
  const PluginResult shed = Run("echo");
  EXPECT_EQ(shed.delivery, PluginResult::Delivery::kNeverDelivered);
  EXPECT_EQ(shed.error, "all threads of the plugin hang");
  ASSERT_EQ(write(ends[1], "xxxx", 4), 4);
  for (const auto& pending : {first, second, third, fourth}) pending->done.WaitForNotification();
  EXPECT_EQ(Run("echo").outcome, Outcome::kSucceeded) << "they are back";
  close(ends[0]);
  close(ends[1]);
}

TEST_F(NativePluginTest, ACallThatWaitsForAThreadIsNotBegunOnceNobodyWaits) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto first = Hang(ends[0]);
  const auto second = Hang(ends[0]);
  const auto waiting = Start("echo");
  Cancel(*waiting);
  ASSERT_EQ(write(ends[1], "xx", 2), 2);
  first->done.WaitForNotification();
  second->done.WaitForNotification();
  EXPECT_EQ(Run("echo").outcome, Outcome::kSucceeded);
  EXPECT_FALSE(waiting->done.HasBeenNotified());
  close(ends[0]);
  close(ends[1]);
}

TEST_F(NativePluginTest, ProbesThatHangDoNotHoldUpTheRest) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  loop_.Post([this, pipe = ends[0]] {
    for (int i = 0; i < 2; ++i) {
      plugin_->Probe({.tool = "hang",
                      .arguments_json = std::to_string(pipe),
                      .key = "k",
                      .timeout = absl::Milliseconds(50)},
                     [](const ProbeReport& /*report*/) {});
    }
  });
  EXPECT_EQ(Run("echo").outcome, Outcome::kSucceeded);
  ASSERT_EQ(write(ends[1], "xx", 2), 2);
  loop_.Stop();
  plugin_.reset();
  close(ends[0]);
  close(ends[1]);
}

TEST_F(NativePluginTest, ThePluginMayGoWhileACallOfItHangs) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto pending = Hang(ends[0]);
  loop_.Stop();
  plugin_.reset();  // gives up waiting, and leaves the thread its plugin
  EXPECT_FALSE(pending->done.HasBeenNotified());
  ASSERT_EQ(write(ends[1], "x", 1), 1);
}

TEST_F(NativePluginTest, ACallThatOutlivesThePluginMayStillTellItsProgress) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const auto pending = Start("babbling", std::to_string(ends[0]));
  pending->begun.WaitForNotification();
  loop_.Stop();
  plugin_.reset();
  clock_.Die();
  char byte = 'x';
  ASSERT_EQ(write(ends[1], &byte, 1), 1);
  ASSERT_EQ(read(ends[1], &byte, 1), 1);
  EXPECT_EQ(clock_.asked_too_late(), 0);
  EXPECT_EQ(pending->progress, 1);
  close(ends[0]);
  close(ends[1]);
}

// The loop may be gone as well: nothing is posted to it, and nothing of the caller's is left with
// the thread.
TEST_F(NativePluginTest, ACancelledCallThatOutlivesThePluginTellsNobody) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto pending = Hang(ends[0]);
  Cancel(*pending);
  loop_.Stop();
  plugin_.reset();
  EXPECT_EQ(pending.use_count(), 1) << "let go of by who lets the plugin go";
  ASSERT_EQ(write(ends[1], "x", 1), 1);
}

TEST_F(NativePluginTest, TheExampleOfTheGuideKeepsItsPromises) {
  Load(NOTES_PLUGIN, 2);
  const PluginResult first = Run("add_note", R"({"text":"call back"})");
  EXPECT_EQ(first.outcome, Outcome::kSucceeded) << first.error;
  EXPECT_EQ(Run("add_note", R"({"text":"call back"})").result_json, first.result_json);
  EXPECT_EQ(Run("add_note", R"({"text":" "})").outcome, Outcome::kRejected);
  EXPECT_EQ(Run("add_note", "{}").outcome, Outcome::kMayHaveHappened) << "it threw";
  absl::Notification asked;
  ProbeReport report;
  loop_.Post([&] {
    plugin_->Probe({.tool = "add_note", .key = "k1", .timeout = absl::Seconds(5)},
                   [&](ProbeReport answer) {
                     report = std::move(answer);
                     asked.Notify();
                   });
  });
  asked.WaitForNotification();
  EXPECT_EQ(report.finding, ProbeReport::Finding::kApplied);
  EXPECT_EQ(report.result_json, first.result_json);
}

TEST_F(NativePluginTest, TheExampleOfTheGuideTellsOfNothingThatItDidNotKeep) {
  TempDir dir;
  const std::string file = dir.Path("sub") + "/notes.json";
  const std::string settings = absl::StrCat(R"({"file":")", file, R"("})");
  Load(NOTES_PLUGIN, 1, settings);
  constexpr char kNote[] = R"({"text":"call back"})";
  EXPECT_EQ(Run("add_note", kNote).outcome, Outcome::kMayHaveHappened) << "there is no such folder";
  EXPECT_EQ(Run("add_note", kNote).outcome, Outcome::kMayHaveHappened) << "nor at the second try";
  ASSERT_EQ(mkdir(dir.Path("sub").c_str(), 0700), 0);
  EXPECT_EQ(Run("add_note", kNote).outcome, Outcome::kSucceeded);
  plugin_.reset();
  Load(NOTES_PLUGIN, 1, settings);
  EXPECT_THAT(Run("list_notes").result_json, HasSubstr("call back"));
}

TEST(CallGateTest, LetsNoCallInThatIsOver) {
  CallGate gate(1);
  const absl::Time over = absl::Now() - absl::Seconds(1);
  EXPECT_FALSE(gate.Enter(over, over));
  const absl::Time ends = absl::Now() + absl::Hours(1);
  EXPECT_TRUE(gate.Enter(over, ends)) << "there is a place, so nobody has to wait for one";
  EXPECT_FALSE(gate.Enter(over, ends)) << "there is none";
  gate.Leave(ends);
  EXPECT_TRUE(gate.Enter(over, ends));
}

}  // namespace
}  // namespace onetake::testing
