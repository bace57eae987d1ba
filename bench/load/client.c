#include "client.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workload.h"

enum { MOST_ERRORS = 100, READ_AHEAD = 128 * 1024 };

load the_load;
window the_window;
uint64_t established;
char buffer[BUFFER];

// The first ticket. Every connection offers a copy of it: OpenSSL uses a session once, and some servers (Node's) give no
// new ticket to a connection that was resumed.
static SSL_SESSION *ticket;

static int keep_ticket(SSL *tls, SSL_SESSION *session) {
  (void)tls;
  if (ticket == NULL) ticket = SSL_SESSION_dup(session);
  return 0;
}

static void offer_ticket(SSL *tls) {
  SSL_SESSION *copy = SSL_SESSION_dup(ticket);
  SSL_set_session(tls, copy);
  SSL_SESSION_free(copy);
}

SSL_CTX *client_context(bool resume, bool bulk) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  // what is measured is the proxy: the client does not check the certificate
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
  if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(context, BENCH_SUITE) != 1)
    tls_fatal("the client's TLS");
  if (resume) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_ticket);
  }
  if (bulk) {
    // many records with one read
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, READ_AHEAD);
  }
  return context;
}

static bool begin_work(client *c) {
  c->stage = RUNNING;
  c->received = 0;
  established++;
  if (the_window.open && c->channel.tls != NULL && SSL_session_reused(c->channel.tls)) the_window.resumed++;
  buffer[0] = the_load.workload->ask;
  return client_send(c, the_load.workload->ask == ASK_ECHO ? the_load.message : 1);
}

static bool advance(task *self) {
  client *c = (client *)self;
  if (c->stage == CONNECTING) {
    if (!channel_connected(&c->channel)) return errno == ENOTCONN ? false : client_lost(c, "connecting");
    c->stage = HANDSHAKING;
    if (the_load.tls != NULL) channel_secure(&c->channel, the_load.tls, false);
    if (ticket != NULL) offer_ticket(c->channel.tls);
  }
  if (c->stage == HANDSHAKING) {
    int result = c->channel.tls == NULL ? 1 : channel_handshake(&c->channel);
    if (result == CHANNEL_AGAIN) return false;
    if (result != 1) return client_lost(c, "in the handshake");
    if (!begin_work(c)) return client_lost(c, "asking");
  }
  return the_load.workload->advance(c);
}

void client_open(client *c) {
  c->task.advance = advance;
  c->stage = CONNECTING;
  c->since = clock_now();
  c->channel = channel_connect(the_load.port);
  if (c->channel.fd < 0) {
    perror("connect");
    exit(1);
  }
  loop_watch(c->channel.fd, &c->task);
}

void client_close(client *c, bool good) {
  channel_close(&c->channel, good);
}

bool client_send(client *c, size_t size) {
  // the kernel always has room for a message: nothing else waits on its connection
  return channel_write(&c->channel, buffer, size) == (ssize_t)size;
}

bool client_lost(client *c, const char *doing) {
  the_window.errors++;
  fprintf(stderr, "lost a connection to port %u %s: %s\n", the_load.port, doing, strerror(errno));
  ERR_print_errors_fp(stderr);
  if (the_window.errors >= MOST_ERRORS) exit(1);
  client_close(c, false);
  client_open(c);
  return false;
}
