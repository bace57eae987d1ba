// The target behind every proxy: echoes, swallows or produces bytes, as the first byte of a connection asks.
//
//   origin PORT TLS_PORT TICKET_PORT CERTIFICATE KEY
//
// Prints "ready" once it listens. Its TLS gives no tickets, so that each handshake of a proxy
// towards it is a full one; on TICKET_PORT it gives one for each connection.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "loop.h"

enum { BLOCK = 256 * 1024, ECHO_BLOCK = 64 * 1024, TURN = 8, ACCEPTS_PER_TURN = 64 };

typedef struct {
  task task;
  int fd;
  SSL_CTX *tls; // NULL in the clear
} listener;

typedef struct {
  task task;
  channel channel;
  bool established;
  char asked; // 0 before the first byte
  // what an echo could not write yet
  char *rest;
  size_t rest_size;
} guest;

static char produced[BLOCK];
static char scratch[BLOCK];

static bool dismiss(guest *g) {
  channel_close(&g->channel, true);
  free(g->rest);
  free(g);
  return false;
}

// Writes or keeps. Returns false when the guest is lost.
static bool give_back(guest *g, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t written = channel_write(&g->channel, bytes, size);
    if (written == CHANNEL_FAILED) return false;
    if (written == CHANNEL_AGAIN) break;
    bytes += written;
    size -= (size_t)written;
  }
  char *rest = NULL;
  if (size > 0) {
    rest = malloc(size);
    memcpy(rest, bytes, size);
  }
  free(g->rest);
  g->rest = rest;
  g->rest_size = size;
  return true;
}

static bool produce(guest *g) {
  for (int i = 0; i < TURN; i++) {
    ssize_t written = channel_write(&g->channel, produced, sizeof produced);
    if (written == CHANNEL_AGAIN) return false;
    if (written == CHANNEL_FAILED) return dismiss(g);
  }
  return true;
}

static bool serve(guest *g) {
  if (g->asked == ASK_SOURCE) return produce(g);
  if (g->rest != NULL && !give_back(g, g->rest, g->rest_size)) return dismiss(g);
  for (int i = 0; i < TURN; i++) {
    if (g->rest != NULL) return false;
    ssize_t count = channel_read(&g->channel, scratch, g->asked == ASK_SINK ? BLOCK : ECHO_BLOCK);
    if (count == CHANNEL_AGAIN) return false;
    if (count <= 0) return dismiss(g);
    if (g->asked == 0) g->asked = scratch[0];
    if (g->asked == ASK_SOURCE) return true;
    if (g->asked == ASK_ECHO && !give_back(g, scratch, (size_t)count)) return dismiss(g);
  }
  return true;
}

static bool advance_guest(task *self) {
  guest *g = (guest *)self;
  if (!g->established) {
    int result = g->channel.tls == NULL ? 1 : channel_handshake(&g->channel);
    if (result == CHANNEL_AGAIN) return false;
    if (result != 1) return dismiss(g);
    g->established = true;
  }
  return serve(g);
}

static bool advance_listener(task *self) {
  listener *l = (listener *)self;
  for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
    channel accepted = channel_accept(l->fd);
    if (accepted.fd < 0) return false;
    guest *g = calloc(1, sizeof *g);
    g->task.advance = advance_guest;
    g->channel = accepted;
    if (l->tls != NULL) channel_secure(&g->channel, l->tls, true);
    loop_watch(g->channel.fd, &g->task);
  }
  return true;
}

static SSL_CTX *server_context(const char *certificate, const char *key, size_t tickets) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(context, BENCH_SUITE) != 1 || SSL_CTX_set_num_tickets(context, tickets) != 1 ||
      SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
    tls_fatal("the origin's TLS");
  return context;
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: origin PORT TLS_PORT TICKET_PORT CERTIFICATE KEY\n");
    return 64;
  }
  signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  loop_open();
  listener plain = {.task.advance = advance_listener, .fd = channel_listen((uint16_t)atoi(argv[1]))};
  listener secure = {.task.advance = advance_listener, .fd = channel_listen((uint16_t)atoi(argv[2]))};
  listener resumable = {.task.advance = advance_listener, .fd = channel_listen((uint16_t)atoi(argv[3]))};
  secure.tls = server_context(argv[4], argv[5], 0);
  resumable.tls = server_context(argv[4], argv[5], 1);
  loop_watch(plain.fd, &plain.task);
  loop_watch(secure.fd, &secure.task);
  loop_watch(resumable.fd, &resumable.task);
  printf("ready\n");
  fflush(stdout);
  loop_run(UINT64_MAX);
}
