// A single-threaded, edge-triggered event loop.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Embedded at the start of what the loop drives.
typedef struct task {
  // Goes as far as it can. Returns true when it stopped only to let others have their turn; a task that frees itself
  // returns false.
  bool (*advance)(struct task *self);
  struct task *next; // the loop's
  bool queued;       // the loop's
} task;

// Nanoseconds of the monotonic clock.
uint64_t clock_now(void);

void loop_open(void);

// Drives `self` whenever something happens on `fd`. Closing fd ends it.
void loop_watch(int fd, task *self);

// Runs until the clock shows `until`.
void loop_run(uint64_t until);

// Allows as many open files as the system lets us.
void raise_file_limit(void);
