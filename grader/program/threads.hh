#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace wirelab {

/// A process's threads, by their folders /proc/PID/task/TID: proc_pid_task(5). None when it is gone.
std::vector<std::string> threads_of(pid_t pid);

/// A process and all that it has started, and they have started, as far as they still run. Itself first.
std::vector<pid_t> family_of(pid_t pid);

/// What a process, its threads and its children that still run have used so far; zero once it is gone. See
/// clock_getcpuclockid(3).
std::chrono::nanoseconds processor_time_of(pid_t pid);

/// Whether a thread of this process, or of any that it has started, waits inside the kernel for something
/// that is none of its own affairs: a disk, a lock of the kernel (state D: proc_pid_stat(5)). A system call
/// that a supervisor of ours has in hand does not count.
bool family_is_held_up(pid_t pid);

}  // namespace wirelab
