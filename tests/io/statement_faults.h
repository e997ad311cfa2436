#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace onetake::io {

// What SQLite answers this program when it prepares a statement, runs it to its next row, runs a
// script or a checkpoint: one answer is an error instead, or all are from one on, but for those to
// a rollback. The statement itself does not run then. For programs that are linked with
// onetake_statement_faults (CMakeLists.txt). Single-threaded.
class StatementFaults {
 public:
  enum class Times { kOnce, kFromThenOn };

  // After so many answers, SQLite says `code`.
  static void Arm(int64_t skip, int code, Times times);
  static void Heal();
  // From now on, adds what each answer is about to `asked`; null: no more.
  static void Record(std::vector<std::string>* asked);
  // Answers since the start, failed ones included.
  static int64_t Count();
  static int64_t Failures();
};

}  // namespace onetake::io
