#pragma once

namespace onetake {

// What of the calling thread `top -H` and a debugger show: at most 15 characters.
void NameThisThread(const char* name);

// From now on the calling thread runs with what the others leave (setpriority(2): Linux has a nice
// value of each thread). For work that no call waits for.
void LetOtherThreadsGoFirst();

}  // namespace onetake
