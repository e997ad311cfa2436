#include "tests/io/statement_faults.h"

#include <sqlite3.h>

#include <string_view>

namespace onetake::io {
namespace {

struct {
  bool is_armed = false;
  int64_t left = 0;
  int code = SQLITE_OK;
  StatementFaults::Times times = StatementFaults::Times::kOnce;
  int64_t answers = 0, failures = 0;
  std::vector<std::string>* asked = nullptr;
} state;

// What to answer instead; SQLITE_OK: the truth. A rollback needs neither memory nor the disk, so it
// does not fail.
int Judge(const char* question, const char* sql) {
  ++state.answers;
  if (state.asked != nullptr) state.asked->push_back(std::string(question) + sql);
  if (!state.is_armed || std::string_view(sql) == "ROLLBACK" || state.left-- > 0) return SQLITE_OK;
  if (state.times == StatementFaults::Times::kOnce) state.is_armed = false;
  ++state.failures;
  return state.code;
}

}  // namespace

void StatementFaults::Arm(int64_t skip, int code, Times times) {
  state.is_armed = true;
  state.left = skip;
  state.code = code;
  state.times = times;
}

void StatementFaults::Record(std::vector<std::string>* asked) { state.asked = asked; }
void StatementFaults::Heal() { state.is_armed = false; }
int64_t StatementFaults::Count() { return state.answers; }
int64_t StatementFaults::Failures() { return state.failures; }

}  // namespace onetake::io

// The linker gives the program's calls of sqlite3_x to __wrap_sqlite3_x, and calls SQLite's own
// __real_sqlite3_x.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {

int __real_sqlite3_prepare_v3(sqlite3* db, const char* sql, int bytes, unsigned flags,
                              sqlite3_stmt** statement, const char** tail);
int __wrap_sqlite3_prepare_v3(sqlite3* db, const char* sql, int bytes, unsigned flags,
                              sqlite3_stmt** statement, const char** tail) {
  const int fault = onetake::io::Judge("prepare ", sql);
  if (fault != SQLITE_OK) return fault;
  return __real_sqlite3_prepare_v3(db, sql, bytes, flags, statement, tail);
}

int __real_sqlite3_step(sqlite3_stmt* statement);
int __wrap_sqlite3_step(sqlite3_stmt* statement) {
  const int fault = onetake::io::Judge("step ", sqlite3_sql(statement));
  return fault != SQLITE_OK ? fault : __real_sqlite3_step(statement);
}

int __real_sqlite3_exec(sqlite3* db, const char* sql, int (*row)(void*, int, char**, char**),
                        void* arg, char** error);
int __wrap_sqlite3_exec(sqlite3* db, const char* sql, int (*row)(void*, int, char**, char**),
                        void* arg, char** error) {
  const int fault = onetake::io::Judge("exec ", sql);
  return fault != SQLITE_OK ? fault : __real_sqlite3_exec(db, sql, row, arg, error);
}

int __real_sqlite3_wal_checkpoint_v2(sqlite3* db, const char* schema, int mode, int* frames,
                                     int* copied);
int __wrap_sqlite3_wal_checkpoint_v2(sqlite3* db, const char* schema, int mode, int* frames,
                                     int* copied) {
  const int fault = onetake::io::Judge("checkpoint ", "");
  return fault != SQLITE_OK ? fault
                            : __real_sqlite3_wal_checkpoint_v2(db, schema, mode, frames, copied);
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
