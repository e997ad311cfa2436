#pragma once

namespace onetake {

// What of the calling thread `top -H` and a debugger show: at most 15 characters.
void NameThisThread(const char* name);

// From now on the calling thread runs with what the others leave (setpriority(2): Linux has a nice
// value of each thread). For work that no call waits for.
void LetOtherThreadsGoFirst();

// From now on the calling thread, and those that it starts, run in short turns that begin soon
// after they wake (sched_setattr(2): the slice of a thread, Linux 6.12 on; nothing on older ones).
// For threads that answer at once and compute little.
void RunInShortTurns();
// As at first.
void RunInOrdinaryTurns();

}  // namespace onetake
