// Usage: group_commit_bench [--waiting N] [--seconds S] [--path FILE]
//
// What the disk and SQLite allow at best: writers that wait, each, until their row and one of an
// audit table are durable, through the ledger's group commit but without anything of the ledger.
// Prints one line of JSON.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "runtime/base/status.h"
#include "runtime/ledger/group_commit.h"
#include "runtime/store/database.h"

namespace onetake {
namespace {

struct Arguments {
  int waiting = 64;
  double seconds = 2;
  std::string path = "/tmp/group_commit_bench.db";
};

class Bench {
 public:
  explicit Bench(const Arguments& arguments) : arguments_(arguments) {}

  absl::Status Run() {
    ONETAKE_ASSIGN_OR_RETURN(const std::string path, ResolveDatabasePath(arguments_.path));
    ONETAKE_ASSIGN_OR_RETURN(database_, Database::Open({path, Database::Access::kWriter, ""}));
    ONETAKE_RETURN_IF_ERROR(database_->RunScript(
        "CREATE TABLE rows (n INTEGER PRIMARY KEY, key BLOB NOT NULL, body BLOB NOT NULL) STRICT;"
        "CREATE TABLE audit (n INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;"));
    ONETAKE_ASSIGN_OR_RETURN(insert_,
                             database_->Prepare("INSERT INTO rows (key, body) VALUES (?1, ?2)"));
    ONETAKE_ASSIGN_OR_RETURN(audit_, database_->Prepare("INSERT INTO audit (body) VALUES (?1)"));
    commit_ = std::make_unique<GroupCommit>(
        *database_, GroupCommit::Options{.queue_limit = 4096,
                                         .idle = absl::Milliseconds(50),
                                         .on_fatal = [](const absl::Status&) { std::abort(); },
                                         .after_commit = nullptr});
    commit_->Start();
    begin_ = absl::Now();
    end_ = begin_ + absl::Seconds(arguments_.seconds);
    {
      absl::MutexLock lock(&mutex_);
      open_ = arguments_.waiting;
    }
    for (int i = 0; i < arguments_.waiting; ++i) Next();
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Bench::NoneIsOpen));
    }
    const double took_s = absl::ToDoubleSeconds(absl::Now() - begin_);
    const int64_t commits = commit_->stats().commits;
    commit_->Stop();
    Print(took_s, commits);
    return absl::OkStatus();
  }

 private:
  bool NoneIsOpen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return open_ == 0; }

  void Next() {
    const absl::Time begun = absl::Now();
    WriteJob job{.run = [this] { return Write(); },
                 .answer = [this, begun](const absl::Status& status) { OnWritten(status, begun); },
                 .bytes = 600};
    commit_->Submit(std::move(job), GroupCommit::Bound::kAlways);
  }
  absl::Status Write() {
    ONETAKE_RETURN_IF_ERROR(onetake::Run(insert_).Blob(1, key_).Blob(2, body_).Finish());
    return onetake::Run(audit_).Blob(1, key_).Finish();
  }
  void OnWritten(const absl::Status& status, absl::Time begun) {
    if (!status.ok()) std::abort();
    const absl::Time now = absl::Now();
    {
      absl::MutexLock lock(&mutex_);
      waits_us_.push_back(absl::ToInt64Microseconds(now - begun));
      if (now >= end_) {
        --open_;
        return;
      }
    }
    Next();
  }
  void Print(double took_s, int64_t commits) {
    absl::MutexLock lock(&mutex_);
    std::sort(waits_us_.begin(), waits_us_.end());
    const auto at = [&](double share) {
      mutex_.AssertHeld();
      return waits_us_[static_cast<size_t>(share * static_cast<double>(waits_us_.size() - 1))];
    };
    std::cout << absl::StrFormat(
        R"({"waiting":%d,"writes_per_second":%.0f,"commits_per_second":%.0f,"p50_us":%d,)"
        R"("p99_us":%d,"p999_us":%d})"
        "\n",
        arguments_.waiting, static_cast<double>(waits_us_.size()) / took_s,
        static_cast<double>(commits) / took_s, at(0.5), at(0.99), at(0.999));
  }

  const Arguments& arguments_;
  const std::string key_ = std::string(32, 'k');
  const std::string body_ = std::string(450, 'b');
  std::unique_ptr<Database> database_;
  Statement insert_, audit_;
  std::unique_ptr<GroupCommit> commit_;
  absl::Time begin_, end_;
  absl::Mutex mutex_;
  int64_t open_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<int64_t> waits_us_ ABSL_GUARDED_BY(mutex_);
};

void Remove(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
}

}  // namespace
}  // namespace onetake

int main(int argc, char** argv) {
  onetake::Arguments arguments;
  CLI::App app("Group commit alone: what the disk and SQLite allow");
  app.add_option("--waiting", arguments.waiting)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--seconds", arguments.seconds)->capture_default_str();
  app.add_option("--path", arguments.path, "A file that is made, and removed")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  onetake::Remove(arguments.path);
  const absl::Status status = onetake::Bench(arguments).Run();
  onetake::Remove(arguments.path);
  if (status.ok()) return 0;
  std::cerr << status << "\n";
  return 1;
}
