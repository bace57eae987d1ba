#define _GNU_SOURCE
#include "loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

enum { BATCH = 256, LONGEST_WAIT_MS = 10 };

static int epoll;
// the queue of tasks that have something to do
static task *first;
static task **last = &first;

uint64_t clock_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void loop_open(void) {
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) {
    perror("epoll");
    exit(1);
  }
}

void loop_watch(int fd, task *self) {
  // both directions and edge-triggered: one system call per connection, none when the direction changes
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = self};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
    perror("epoll_ctl");
    exit(1);
  }
}

static void enqueue(task *t) {
  if (t->queued) return;
  t->queued = true;
  t->next = NULL;
  *last = t;
  last = &t->next;
}

// One turn for each task that is queued now.
static void take_turns(void) {
  task *t = first;
  first = NULL;
  last = &first;
  while (t != NULL) {
    task *following = t->next;
    t->queued = false;
    if (t->advance(t)) enqueue(t);
    t = following;
  }
}

void loop_run(uint64_t until) {
  static struct epoll_event events[BATCH];
  while (clock_now() < until) {
    int count = epoll_wait(epoll, events, BATCH, first != NULL ? 0 : LONGEST_WAIT_MS);
    for (int i = 0; i < count; i++) enqueue(events[i].data.ptr);
    take_turns();
  }
}

void raise_file_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}
