#include "workload.h"

#include <string.h>

#include "histogram.h"

// Reads or writes in one turn: enough for a full buffer, and the clock is looked at in time.
enum { TURN = 16 };

static bool download(client *c) {
  for (int i = 0; i < TURN; i++) {
    ssize_t count = channel_read(&c->channel, buffer, BUFFER);
    if (count == CHANNEL_AGAIN) return false;
    if (count <= 0) return client_lost(c, "downloading");
    if (the_window.open) the_window.bytes += (uint64_t)count;
  }
  return true;
}

static bool upload(client *c) {
  for (int i = 0; i < TURN; i++) {
    ssize_t count = channel_write(&c->channel, buffer, BUFFER);
    if (count == CHANNEL_AGAIN) return false;
    if (count <= 0) return client_lost(c, "uploading");
    if (the_window.open) the_window.bytes += (uint64_t)count;
  }
  return true;
}

// 1 when the message has come back, 0 when more of it must come, -1 when the connection is lost.
static int await_echo(client *c) {
  for (;;) {
    ssize_t count = channel_read(&c->channel, buffer, MESSAGE_LIMIT);
    if (count == CHANNEL_AGAIN) return 0;
    if (count <= 0) return -1;
    c->received += (size_t)count;
    if (c->received >= the_load.message) return 1;
  }
}

static bool exchange(client *c) {
  int echoed = await_echo(c);
  if (echoed < 0) return client_lost(c, "awaiting an echo");
  if (echoed == 0) return false;
  uint64_t now = clock_now();
  if (the_window.open) {
    histogram_add(now - c->since);
    the_window.messages++;
  }
  c->received = 0;
  c->since = now;
  // nothing is left to be read: the answer is the next edge
  return client_send(c, the_load.message) ? false : client_lost(c, "sending a message");
}

static bool reconnect(client *c) {
  int echoed = await_echo(c);
  if (echoed < 0) return client_lost(c, "awaiting an echo");
  if (echoed == 0) return false;
  if (the_window.open) {
    histogram_add(clock_now() - c->since);
    the_window.connections++;
  }
  client_close(c, true);
  client_open(c);
  return false;
}

static bool rest(client *c) {
  return await_echo(c) < 0 ? client_lost(c, "idle") : false;
}

static bool stall(client *c) {
  (void)c;
  return false;
}

static const workload workloads[] = {
    {"download", ASK_SOURCE, download}, {"upload", ASK_SINK, upload},   {"exchange", ASK_ECHO, exchange},
    {"connect", ASK_ECHO, reconnect},   {"idle", ASK_ECHO, rest},       {"stall", ASK_SOURCE, stall},
};

const workload *workload_named(const char *name) {
  for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
    if (strcmp(workloads[i].name, name) == 0) return &workloads[i];
  return NULL;
}
