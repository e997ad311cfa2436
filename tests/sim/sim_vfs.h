#pragma once

#include <sqlite3.h>

namespace onetake::sim {

class SimDisk;

// Makes `vfs` show `disk` to SQLite. Both must outlive its use.
void FillVfs(sqlite3_vfs& vfs, SimDisk& disk);

}  // namespace onetake::sim
