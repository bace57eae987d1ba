// One connection of the load, opened again by the workloads that want it so.
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "channel.h"
#include "loop.h"

enum { MESSAGE_LIMIT = 64 * 1024, BUFFER = 256 * 1024 };

typedef enum { CONNECTING, HANDSHAKING, RUNNING } stage;

typedef struct {
  task task;
  channel channel;
  stage stage;
  uint64_t since;  // when what is timed has begun
  size_t received; // of the message that is awaited
} client;

// Set once, before the first connection.
typedef struct {
  uint16_t port;
  SSL_CTX *tls; // NULL in the clear
  bool resume;
  size_t message; // bytes
  const struct workload *workload;
} load;

// Counted since the window began.
typedef struct {
  bool open; // whether the window is
  uint64_t bytes, messages, connections, resumed, errors;
} window;

extern load the_load;
extern window the_window;
// Connections that have got through since the start.
extern uint64_t established;
extern char buffer[BUFFER];

SSL_CTX *client_context(bool resume, bool bulk);
void client_open(client *c);
// `good` when the workload is done with the connection, not when it has failed.
void client_close(client *c, bool good);
// Writes one message; false when the connection is lost.
bool client_send(client *c, size_t size);
// Counts a lost connection. Ends the program when that is no accident.
bool client_lost(client *c, const char *doing);
