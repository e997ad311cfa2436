#pragma once

namespace onetake {

// Names the calling thread for `top -H` and debuggers: at most 15 characters.
void NameThisThread(const char* name);

// From now on the calling thread runs with what the others leave of the machine (setpriority(2): on
// Linux each thread has a nice value of its own). For work that no call waits for.
void LetOtherThreadsGoFirst();

// From now on the calling thread, and those that it starts, run in short turns that begin soon
// after they wake (sched_setattr(2): the slice of a thread, Linux 6.12 on; nothing on older ones).
// For threads that answer at once and compute little.
void RunInShortTurns();
// From now on the calling thread runs in turns as it did at first.
void RunInOrdinaryTurns();

}  // namespace onetake
